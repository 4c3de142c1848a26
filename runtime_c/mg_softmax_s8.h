/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of SOFTMAX along one line of int8 values. */
#ifndef MG_SOFTMAX_S8_H
#define MG_SOFTMAX_S8_H

#include "mg_fixed_point.h"
#include "mg_support.h"

/*
 * Softmax of size values that are step elements apart, to the scale 1/256 and the zero point -128. mult and shift
 * bring a difference to Q5.26; below diff_min its exponential counts as 0. The output may be the input. A line of
 * 4096 values and more may overflow the sum.
 */
static inline void mg_softmax_line_s8(const int8_t *input, int32_t size, int32_t step, int32_t mult, int32_t shift,
                                      int32_t diff_min, int8_t *output)
{
    int32_t largest = INT8_MIN;
    for (int32_t i = 0; i < size; i++)
    {
        largest = mg_max(largest, input[i * step]);
    }

    /* The sum has 12 integer bits. */
    int32_t sum = 0;
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t difference = input[i * step] - largest;
        if (difference >= diff_min)
        {
            const int32_t x = mg_doubling_high_mul(mg_wrap_shift_left(difference, shift), mult);
            sum = mg_wrap_add(sum, mg_rounding_divide_by_pot(mg_exp_on_negative(x), 12));
        }
    }

    /* From a sum of 512 on the exponent exceeds 31 and every output rounds to 0. */
    const int32_t leading_zeros = mg_min(mg_count_leading_zeros((uint32_t)sum), 31);
    const int32_t fraction = (int32_t)(((uint32_t)sum << (uint32_t)leading_zeros) - ((uint32_t)1 << 31));
    const int32_t reciprocal = mg_one_over_one_plus(fraction);
    const int32_t exponent = 12 - leading_zeros + 31 - 8;

    for (int32_t i = 0; i < size; i++)
    {
        const int32_t difference = input[i * step] - largest;
        int32_t value = INT8_MIN;
        if (difference >= diff_min)
        {
            const int32_t x = mg_doubling_high_mul(mg_wrap_shift_left(difference, shift), mult);
            const int32_t scaled = mg_doubling_high_mul(reciprocal, mg_exp_on_negative(x));
            const int32_t share = exponent > 31 ? 0 : mg_rounding_divide_by_pot(scaled, exponent);
            value = mg_clamp(share + INT8_MIN, INT8_MIN, INT8_MAX);
        }
        output[i * step] = (int8_t)value;
    }
}

#endif
