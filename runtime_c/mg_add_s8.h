/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_ADD_S8_H
#define MG_ADD_S8_H

#include "mg_support.h"

/* How two int8 values are brought to one scale, left_shift bits finer than the inputs', and added. */
typedef struct
{
    int32_t left_shift;
    int32_t input_1_offset;
    int32_t input_1_multiplier;
    int32_t input_1_shift;
    int32_t input_2_offset;
    int32_t input_2_multiplier;
    int32_t input_2_shift;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift;
    cmsis_nn_activation activation;
} mg_add_s8_quant;

/* Strides in elements, 0 along a dimension that is broadcast; the output is contiguous. */
typedef struct
{
    mg_add_s8_quant quant;
    int32_t dims[6];
    int32_t input_1_strides[6];
    int32_t input_2_strides[6];
} mg_add_s8_params;

static inline int8_t mg_add_one_s8(const mg_add_s8_quant *quant, int8_t input_1, int8_t input_2)
{
    const int32_t wide_1 = mg_wrap_shift_left(input_1 + quant->input_1_offset, quant->left_shift);
    const int32_t wide_2 = mg_wrap_shift_left(input_2 + quant->input_2_offset, quant->left_shift);
    const int32_t scaled_1 = mg_requantize(wide_1, quant->input_1_multiplier, quant->input_1_shift);
    const int32_t scaled_2 = mg_requantize(wide_2, quant->input_2_multiplier, quant->input_2_shift);
    return mg_requantize_s8(mg_wrap_add(scaled_1, scaled_2), quant->output_multiplier, quant->output_shift,
                            quant->output_offset, &quant->activation);
}

#endif
