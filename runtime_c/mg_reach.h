/* SPDX-License-Identifier: Apache-2.0 */
/* Which pixels of the input of a transposed convolution reach a position of its result. */
#ifndef MG_REACH_H
#define MG_REACH_H

#include "mg_support.h"

/* Along one axis: the first of the pixels, the tap of the filter that it comes with, how many there are. */
typedef struct
{
    int32_t first;
    int32_t tap;
    int32_t count;
} mg_reach;

/*
 * Pixel i reaches a position with the tap position + padding - i * stride, which must be 0..kernel - 1. From a pixel
 * to the next the tap goes down by the stride.
 */
static inline mg_reach mg_reach_of(int32_t position, int32_t padding, int32_t stride, int32_t kernel, int32_t extent)
{
    const int32_t place = position + padding;
    const int32_t last = mg_min(place / stride, extent - 1);
    const int32_t first = place < kernel ? 0 : (place - kernel) / stride + 1;
    const mg_reach found = {first, place - first * stride, mg_max(last - first + 1, 0)};
    return found;
}

#endif
