/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of fixed-point numbers, bit for bit those of the gemmlowp library. "Q5.26" has 5 integer and
 * 26 fractional bits beside the sign.
 */
#ifndef MG_FIXED_POINT_H
#define MG_FIXED_POINT_H

#include "mg_support.h"

static inline int32_t mg_saturating_shift_left(int32_t value, int32_t count)
{
    const int32_t limit = (int32_t)(((uint32_t)1 << (uint32_t)(31 - count)) - 1u);
    if (value > limit)
    {
        return INT32_MAX;
    }
    return value < -limit ? INT32_MIN : mg_wrap_shift_left(value, count);
}

/* exp(x) in Q0.31 of x in Q0.31, -1/4 <= x < 0: the Taylor polynomial of degree 4 around -1/8. */
static inline int32_t mg_exp_of_quarter(int32_t x)
{
    const int32_t exp_of_minus_eighth = 1895147668;
    const int32_t third = 715827883;
    const int32_t d = x + ((int32_t)1 << 28);
    const int32_t d2 = mg_doubling_high_mul(d, d);
    const int32_t d3 = mg_doubling_high_mul(d2, d);
    const int32_t d4_over_4 = mg_rounding_divide_by_pot(mg_doubling_high_mul(d2, d2), 2);
    const int32_t higher_terms =
        mg_rounding_divide_by_pot(mg_doubling_high_mul(d4_over_4 + d3, third) + d2, 1);
    return exp_of_minus_eighth + mg_doubling_high_mul(exp_of_minus_eighth, d + higher_terms);
}

/* exp(x) in Q0.31 of x <= 0 in Q5.26: x is a quarter's remainder and a sum of powers of two from 1/4 up. */
static inline int32_t mg_exp_on_negative(int32_t x)
{
    /* exp(-1/4), exp(-1/2), exp(-1), ... exp(-16) in Q0.31 */
    static const int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = (int32_t)1 << 24;
    if (x == 0)
    {
        return INT32_MAX;
    }
    const int32_t rest = (x & (quarter - 1)) - quarter;
    const uint32_t whole = (uint32_t)mg_wrap_sub(rest, x);
    int32_t result = mg_exp_of_quarter(mg_saturating_shift_left(rest, 5));
    for (uint32_t i = 0; i < 7u; i++)
    {
        if ((whole & ((uint32_t)quarter << i)) != 0u)
        {
            result = mg_doubling_high_mul(result, powers[i]);
        }
    }
    return result;
}

/* 1 / (1 + x) in Q0.31 of x in Q0.31, 0 <= x < 1: three Newton-Raphson steps in Q2.29. */
static inline int32_t mg_one_over_one_plus(int32_t x)
{
    const int32_t forty_eight_over_17 = 1515870810;
    const int32_t minus_thirty_two_over_17 = -1010580540;
    const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t estimate =
        forty_eight_over_17 + mg_doubling_high_mul(half_denominator, minus_thirty_two_over_17);
    for (int32_t i = 0; i < 3; i++)
    {
        const int32_t error = ((int32_t)1 << 29) - mg_doubling_high_mul(half_denominator, estimate);
        estimate += mg_saturating_shift_left(mg_doubling_high_mul(estimate, error), 2);
    }
    return mg_saturating_shift_left(estimate, 1);
}

static inline int32_t mg_count_leading_zeros(uint32_t value)
{
    int32_t count = 32;
    while (value != 0u)
    {
        value >>= 1;
        count--;
    }
    return count;
}

#endif
