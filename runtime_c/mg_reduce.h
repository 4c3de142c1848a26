/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_REDUCE_H
#define MG_REDUCE_H

#include <stdint.h>

/*
 * Sizes and strides, in elements of the input, of the dimensions that stay and of those that are reduced; outermost
 * first, unused ones of size 1. Results are multiplied with `factor`.
 */
typedef struct
{
    int32_t kept_dims[6];
    int32_t kept_strides[6];
    int32_t reduced_dims[6];
    int32_t reduced_strides[6];
    float factor;
} mg_reduce_f32_params;

typedef struct
{
    int32_t kept_dims[6];
    int32_t kept_strides[6];
    int32_t reduced_dims[6];
    int32_t reduced_strides[6];
} mg_reduce_s8_params;

#endif
