/* SPDX-License-Identifier: Apache-2.0 */
/* What additions and subtractions of int16 values share; the parameters are those of int8 ones. */
#ifndef MG_ADD_S16_H
#define MG_ADD_S16_H

#include "mg_add_s8.h"

/* The first input at the common scale. */
static inline int32_t mg_scaled_1_s16(const mg_add_s8_quant *quant, int16_t input)
{
    const int32_t wide = mg_wrap_shift_left(input, quant->left_shift);
    return mg_requantize(wide, quant->input_1_multiplier, quant->input_1_shift);
}

/* The second input at the common scale. */
static inline int32_t mg_scaled_2_s16(const mg_add_s8_quant *quant, int16_t input)
{
    const int32_t wide = mg_wrap_shift_left(input, quant->left_shift);
    return mg_requantize(wide, quant->input_2_multiplier, quant->input_2_shift);
}

/* A sum or a product of such at the output's scale. */
static inline int16_t mg_unscaled_s16(const mg_add_s8_quant *quant, int32_t value)
{
    const int32_t scaled = mg_requantize(value, quant->output_multiplier, quant->output_shift);
    return (int16_t)mg_clamp(scaled, quant->activation.min, quant->activation.max);
}

#endif
