/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of SOFTMAX along one line of int8 values; the shares are int8 or int16. */
#ifndef MG_SOFTMAX_S8_H
#define MG_SOFTMAX_S8_H

#include "mg_fixed_point.h"
#include "mg_support.h"

/* What a line's shares are made of: its largest value, and the sum of the exponentials as a factor and a shift. */
typedef struct
{
    int32_t largest;
    int32_t reciprocal;
    int32_t exponent;
} mg_softmax_line;

/* `bits` are those of a share. */
static inline mg_softmax_line mg_softmax_measure_s8(const int8_t *input, int32_t size, int32_t step, int32_t mult,
                                                    int32_t shift, int32_t diff_min, int32_t bits)
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

    /* From a sum of 512 on the exponent of int8 exceeds 31 and every output rounds to 0. */
    const int32_t leading_zeros = mg_min(mg_count_leading_zeros((uint32_t)sum), 31);
    const int32_t fraction = (int32_t)(((uint32_t)sum << (uint32_t)leading_zeros) - ((uint32_t)1 << 31));
    const mg_softmax_line line = {largest, mg_one_over_one_plus(fraction), 12 - leading_zeros + 31 - bits};
    return line;
}

/* The share of one value, from 0. */
static inline int32_t mg_softmax_share_s8(const mg_softmax_line *line, int32_t value, int32_t mult, int32_t shift,
                                          int32_t diff_min)
{
    const int32_t difference = value - line->largest;
    if (difference < diff_min || line->exponent > 31)
    {
        return 0;
    }
    const int32_t x = mg_doubling_high_mul(mg_wrap_shift_left(difference, shift), mult);
    const int32_t scaled = mg_doubling_high_mul(line->reciprocal, mg_exp_on_negative(x));
    return mg_rounding_divide_by_pot(scaled, line->exponent);
}

/*
 * Softmax of size values that are step elements apart, to the scale 1/256 and the zero point -128. mult and shift
 * bring a difference to Q5.26; below diff_min its exponential counts as 0. The output may be the input. A line of
 * 4096 values and more may overflow the sum.
 */
static inline void mg_softmax_line_s8(const int8_t *input, int32_t size, int32_t step, int32_t mult, int32_t shift,
                                      int32_t diff_min, int8_t *output)
{
    const mg_softmax_line line = mg_softmax_measure_s8(input, size, step, mult, shift, diff_min, 8);
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t share = mg_softmax_share_s8(&line, input[i * step], mult, shift, diff_min);
        output[i * step] = (int8_t)mg_clamp(share + INT8_MIN, INT8_MIN, INT8_MAX);
    }
}

#endif
