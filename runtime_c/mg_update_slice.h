/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_UPDATE_SLICE_H
#define MG_UPDATE_SLICE_H

#include <stdint.h>

/*
 * An update's dimensions, strides in bytes of what it goes to, and the largest index at which it lies inside; outermost
 * first, unused ones of size 1. The last `rank` of them have an index each, int64 with `wide`; rows have `bytes`.
 */
typedef struct
{
    int32_t dims[6];
    int32_t strides[6];
    int32_t most[6];
    int32_t rank;
    int32_t bytes;
    int32_t wide;
} mg_update_slice_params;

#endif
