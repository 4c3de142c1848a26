/* SPDX-License-Identifier: Apache-2.0 */
/* From the sums of int16 activations times int8 weights to int16 outputs. */
#ifndef MG_REQUANTIZE_S64_H
#define MG_REQUANTIZE_S64_H

#include "mg_support.h"

/* Products of int16 and int8 values of which that many fit an int32_t together; a multiple of 8 and of 4. */
#define MG_S16_BLOCK 504

/*
 * value * multiplier * 2^(shift - 31) with the multiplier cut to 16 bits, rounded once, a half upwards; value has
 * at most 48 bits, multiplier >= 0, shift in -31..7.
 */
static inline int32_t mg_requantize_s64(int64_t value, int32_t multiplier, int32_t shift)
{
    const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
    const int32_t drop = 15 - shift;
    return (int32_t)((value * reduced + ((int64_t)1 << (drop - 1))) >> drop);
}

static inline int16_t mg_to_activation_s16(int32_t value, const cmsis_nn_activation *activation)
{
    return (int16_t)mg_clamp(value, activation->min, activation->max);
}

#endif
