/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_DIV_S8_H
#define MG_DIV_S8_H

#include "mg_support.h"

typedef struct
{
    int32_t input_1_offset;
    int32_t input_2_offset;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift; /* 22 at most */
    cmsis_nn_activation activation;
} mg_div_s8_quant;

/* Strides in elements, 0 along a dimension that is broadcast; the output is contiguous. */
typedef struct
{
    mg_div_s8_quant quant;
    int32_t dims[6];
    int32_t input_1_strides[6];
    int32_t input_2_strides[6];
} mg_div_s8_params;

#endif
