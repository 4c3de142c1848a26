/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_MUL_S16_H
#define MG_MUL_S16_H

#include "mg_mul_s8.h"

/* The product of two int16 values by the parameters of int8 ones; zero points are 0. */
static inline int16_t mg_mul_one_s16(const mg_mul_s8_quant *quant, int16_t input_1, int16_t input_2)
{
    const int32_t scaled = mg_requantize_any(input_1 * input_2, quant->output_multiplier, quant->output_shift);
    return (int16_t)mg_clamp(scaled, quant->activation.min, quant->activation.max);
}

#endif
