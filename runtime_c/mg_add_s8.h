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

/* The first input at the common scale. */
static inline int32_t mg_scaled_1(const mg_add_s8_quant *quant, int8_t input)
{
    const int32_t wide = mg_wrap_shift_left(input + quant->input_1_offset, quant->left_shift);
    return mg_requantize(wide, quant->input_1_multiplier, quant->input_1_shift);
}

/* The second input at the common scale. */
static inline int32_t mg_scaled_2(const mg_add_s8_quant *quant, int8_t input)
{
    const int32_t wide = mg_wrap_shift_left(input + quant->input_2_offset, quant->left_shift);
    return mg_requantize(wide, quant->input_2_multiplier, quant->input_2_shift);
}

static inline int8_t mg_add_one_s8(const mg_add_s8_quant *quant, int8_t input_1, int8_t input_2)
{
    return mg_requantize_s8(mg_wrap_add(mg_scaled_1(quant, input_1), mg_scaled_2(quant, input_2)),
                            quant->output_multiplier, quant->output_shift, quant->output_offset,
                            &quant->activation);
}

/* A factor of an input for mg_add_scaled: half is 0, and so is sign, where no bits are dropped. */
typedef struct
{
    int32_t offset;
    uint32_t twice;
    int32_t drop;
    int32_t half;
    int32_t sign;
} mg_add_s8_factor;

static inline mg_add_s8_factor mg_add_factor(int32_t offset, int32_t multiplier, int32_t shift)
{
    const int32_t drop = -shift;
    const mg_add_s8_factor factor = {offset, (uint32_t)multiplier << 1, drop,
                                     drop > 0 ? (int32_t)1 << (drop - 1) : 0, drop > 0 ? -1 : 0};
    return factor;
}

/*
 * Are these the factors and offsets of quantized int8 values, normalized and without left shifts? Then no step
 * of mg_add_scaled leaves the range of int32_t: 2^28 is above an input, and a half is 2^30 at most.
 */
static inline bool mg_add_is_usual(const mg_add_s8_quant *quant)
{
    return (quant->input_1_multiplier & quant->input_2_multiplier & ((int32_t)1 << 30)) != 0 &&
           quant->left_shift >= 0 && quant->left_shift <= 20 && quant->input_1_shift <= 0 &&
           quant->input_2_shift <= 0 && mg_clamp(quant->input_1_offset, -128, 128) == quant->input_1_offset &&
           mg_clamp(quant->input_2_offset, -128, 128) == quant->input_2_offset &&
           mg_is_usual_factor(quant->output_multiplier, quant->output_shift);
}

/* An input brought to the common scale: as mg_requantize, the rounding of both signs without a branch. */
static inline int32_t mg_add_scaled(const mg_add_s8_factor *factor, int32_t left_shift, int32_t input)
{
    const int32_t wide = mg_wrap_shift_left(input + factor->offset, left_shift);
    const int32_t scaled = mg_doubling_high_mul_twice(wide, factor->twice);
    return (scaled + factor->half + ((scaled >> 31) & factor->sign)) >> factor->drop;
}

/* `count` sums of neighbouring values, of usual factors. */
static inline void mg_add_usual_s8(const mg_add_s8_quant *quant, const int8_t *input_1, const int8_t *input_2,
                                   int32_t count, int8_t *output)
{
    const mg_add_s8_factor factor_1 =
        mg_add_factor(quant->input_1_offset, quant->input_1_multiplier, quant->input_1_shift);
    const mg_add_s8_factor factor_2 =
        mg_add_factor(quant->input_2_offset, quant->input_2_multiplier, quant->input_2_shift);
    const int32_t term = mg_offset_term(quant->output_offset);
    const bool is_whole_s8 = mg_is_whole_s8(&quant->activation);
    for (int32_t i = 0; i < count; i++)
    {
        const int32_t sum = mg_add_scaled(&factor_1, quant->left_shift, input_1[i]) +
                            mg_add_scaled(&factor_2, quant->left_shift, input_2[i]);
        int32_t value =
            mg_saturate_s8(mg_requantize_usual(sum, quant->output_multiplier, quant->output_shift, term));
        if (!is_whole_s8)
        {
            value = mg_clamp(value, quant->activation.min, quant->activation.max);
        }
        output[i] = (int8_t)value;
    }
}

#endif
