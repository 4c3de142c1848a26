/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_STRIDED_COPY_H
#define MG_STRIDED_COPY_H

#include <stdint.h>

/*
 * Loops over pieces of `bytes` bytes: the first `outer` of the dimensions around the one at that place, which is the
 * innermost. Strides are in bytes and may be 0 or negative. With `unit`, pieces are single elements of 1, 2, 4 or 8
 * bytes, all aligned to their size.
 */
typedef struct
{
    int32_t dims[8];
    int32_t input_strides[8];
    int32_t output_strides[8];
    int32_t outer;
    int32_t bytes;
    int32_t unit;
} mg_strided_copy_params;

#endif
