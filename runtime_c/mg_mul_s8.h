/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_MUL_S8_H
#define MG_MUL_S8_H

#include "mg_support.h"

typedef struct
{
    int32_t input_1_offset;
    int32_t input_2_offset;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift;
    cmsis_nn_activation activation;
} mg_mul_s8_quant;

/* Strides in elements, 0 along a dimension that is broadcast; the output is contiguous. */
typedef struct
{
    mg_mul_s8_quant quant;
    int32_t dims[6];
    int32_t input_1_strides[6];
    int32_t input_2_strides[6];
} mg_mul_s8_params;

static inline int8_t mg_mul_one_s8(const mg_mul_s8_quant *quant, int8_t input_1, int8_t input_2)
{
    const int32_t product =
        mg_wrap_mul(input_1 + quant->input_1_offset, input_2 + quant->input_2_offset);
    return mg_requantize_s8(product, quant->output_multiplier, quant->output_shift, quant->output_offset,
                            &quant->activation);
}

#endif
