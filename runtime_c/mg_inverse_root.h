/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_INVERSE_ROOT_H
#define MG_INVERSE_ROOT_H

#include "mg_fixed_point.h"

/* sqrt(2^28 / x) in Q3.28 of x from 2^27 to 2^29: five Newton-Raphson steps. */
static inline int32_t mg_inverse_root_of_normal(int32_t x)
{
    const int32_t half = mg_rounding_divide_by_pot(x >> 1, 1);
    const int32_t three_halves = ((int32_t)1 << 28) + ((int32_t)1 << 27);
    const int32_t root_of_half = 1518500250; /* Q0.31 */
    int32_t estimate = (int32_t)1 << 28;
    for (int32_t i = 0; i < 5; i++)
    {
        const int32_t square = mg_doubling_high_mul(estimate, estimate);
        const int32_t cube = mg_saturating_shift_left(mg_doubling_high_mul(square, estimate), 6);
        const int32_t next = mg_doubling_high_mul(three_halves, estimate) - mg_doubling_high_mul(half, cube);
        estimate = mg_saturating_shift_left(next, 3);
    }
    return mg_doubling_high_mul(estimate, root_of_half);
}

/* The multiplier and shift, for mg_requantize, of 1 / sqrt(x); 0 counts as 1. */
static inline int32_t mg_inverse_root(int32_t x, int32_t *shift)
{
    int32_t halvings = 0;
    *shift = 0;
    if (x <= 1)
    {
        return INT32_MAX;
    }
    for (; x >= (int32_t)1 << 29; x /= 4)
    {
        halvings++;
    }
    const int32_t pairs = (mg_count_leading_zeros((uint32_t)x) - 1) / 2 - 1;
    const int32_t multiplier = mg_inverse_root_of_normal(mg_wrap_shift_left(x, 2 * pairs));
    const int32_t right = 11 + halvings - pairs;
    if (right < 0)
    {
        return mg_wrap_shift_left(multiplier, -right);
    }
    *shift = -right;
    return multiplier;
}

#endif
