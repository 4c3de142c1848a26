/* SPDX-License-Identifier: Apache-2.0 */
/* Which taps of a kernel lie inside the image. */
#ifndef MG_RANGE_H
#define MG_RANGE_H

#include "mg_support.h"

/* A half-open range of kernel positions. */
typedef struct
{
    int32_t begin;
    int32_t end;
} mg_range;

/*
 * Which of `kernel` taps, at origin, origin + dilation, ..., lie inside 0..extent - 1. Padding equals the
 * zero point, so the taps outside add nothing to a convolution. begin == end if there is none.
 */
static inline mg_range mg_clip_taps(int32_t origin, int32_t dilation, int32_t kernel, int32_t extent)
{
    mg_range taps = {0, kernel};
    const int32_t room = extent - origin;
    if (dilation == 1)
    {
        taps.begin = mg_max(0, -origin);
        taps.end = mg_max(0, mg_min(kernel, room));
    }
    else
    {
        if (origin < 0)
        {
            taps.begin = (dilation - 1 - origin) / dilation;
        }
        taps.end = room > 0 ? mg_min(kernel, (room + dilation - 1) / dilation) : 0;
    }
    if (taps.begin > taps.end)
    {
        taps.begin = taps.end;
    }
    return taps;
}

#endif
