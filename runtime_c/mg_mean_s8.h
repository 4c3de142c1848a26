/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_MEAN_S8_H
#define MG_MEAN_S8_H

#include <stdint.h>

/*
 * Sizes and strides, in elements of the input, of the dimensions that stay and of those that are averaged
 * over; outermost first, unused ones of size 1. An output is
 * requantize(sum + sum_offset, multiplier, shift) + output_offset; sum_offset is minus the input's zero
 * point times the number of values in a sum.
 */
typedef struct
{
    int32_t kept_dims[6];
    int32_t kept_strides[6];
    int32_t reduced_dims[6];
    int32_t reduced_strides[6];
    int32_t sum_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t output_offset;
} mg_mean_s8_params;

#endif
