/* SPDX-License-Identifier: Apache-2.0 */
/* Logistic and tanh of int16 values by interpolation in a table of 256 values of sigmoid(i / 24) in Q0.16. */
#ifndef MG_CURVE_S16_H
#define MG_CURVE_S16_H

#include "mg_support.h"

/* (value * multiplier) / 2^shift, a half rounded up. */
static inline int32_t mg_curve_argument(int32_t value, int32_t multiplier, int32_t shift)
{
    return mg_wrap_add(mg_wrap_mul(value, multiplier), (1 << shift) >> 1) >> shift;
}

/* sigmoid in Q0.15; the argument's unit is 1 / (3 * 2^12). */
static inline int32_t mg_logistic_s16(const uint16_t *table, int32_t argument)
{
    const uint32_t magnitude = argument < 0 ? 0u - (uint32_t)argument : (uint32_t)argument;
    const uint32_t place = magnitude >> 9;
    uint32_t value = 0x7FFFu << 10;
    if (place < 255u)
    {
        const uint32_t from = table[place];
        value = (from << 9) + (magnitude & 0x1FFu) * (table[place + 1u] - from);
    }
    value = argument >= 0 ? value + (1u << 9) : (1u << 25) - value + (1u << 9) - 1u;
    return (int32_t)(value >> 10);
}

/* tanh in Q0.15, of the same argument. */
static inline int32_t mg_tanh_s16(const uint16_t *table, int32_t argument)
{
    const uint32_t magnitude = argument < 0 ? 0u - (uint32_t)argument : (uint32_t)argument;
    const uint32_t place = magnitude >> 8;
    int32_t value = 0xFFFF << 8;
    if (place < 255u)
    {
        const uint32_t from = table[place];
        value = (int32_t)((from << 8) + (magnitude & 0xFFu) * (table[place + 1u] - from));
    }
    value = argument >= 0 ? value - (1 << 23) + (1 << 7) : (1 << 23) - value + (1 << 7) - 1;
    return value >> 8;
}

#endif
