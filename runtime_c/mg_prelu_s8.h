/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_PRELU_S8_H
#define MG_PRELU_S8_H

#include "mg_support.h"

/* The factor of positive inputs is input scale over output scale, that of negative ones has the slope's scale too. */
typedef struct
{
    int32_t input_offset;
    int32_t slope_offset;
    int32_t output_offset;
    int32_t positive_multiplier;
    int32_t positive_shift;
    int32_t negative_multiplier;
    int32_t negative_shift;
    cmsis_nn_activation activation;
} mg_prelu_s8_quant;

/* Strides in elements, 0 along a dimension that is broadcast; the output is contiguous. */
typedef struct
{
    mg_prelu_s8_quant quant;
    int32_t dims[6];
    int32_t input_1_strides[6];
    int32_t input_2_strides[6];
} mg_prelu_s8_params;

#endif
