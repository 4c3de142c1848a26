/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_fixed_point.h"
#include "mg_support.h"

/*
 * log(x) in Q5.26 of x >= 1 in Q12.19, bit for bit as TensorFlow Lite computes it. x is taken apart into r * 2^n in
 * two ways, of which the one counts that has r closer to 2^(-1/4), around which the logarithm is a quotient of
 * polynomials. Powers and logarithms are in Q6.25 until the end, all else is in Q0.31.
 */
static int32_t log_from_one(int32_t x)
{
    const int32_t fourth_root_of_half = 1805811301;
    const int32_t root_of_half = 1518500250;
    const int32_t log_2 = 1488522236;
    const int32_t one = (int32_t)1 << 25;
    const int32_t zeros = mg_count_leading_zeros((uint32_t)x);
    const int32_t scaled = mg_doubling_high_mul(mg_saturating_shift_left(x, zeros - 1), root_of_half);
    const int32_t headroom = mg_count_leading_zeros((uint32_t)mg_doubling_high_mul(x, root_of_half)) - 1;
    const int32_t r = mg_min(mg_saturating_shift_left(scaled, 1), mg_saturating_shift_left(x, headroom));
    const int32_t power = mg_max((12 - zeros) * one + one / 4, (12 - headroom) * one - one / 4);

    const int32_t p = (int32_t)(((int64_t)r + fourth_root_of_half + 1) / 2);
    const int32_t q = 2 * (r - fourth_root_of_half);
    const int32_t square = mg_doubling_high_mul(q, q);
    const int32_t numerator =
        mg_doubling_high_mul(q, r) + mg_doubling_high_mul(mg_doubling_high_mul(q, square), 117049297);
    const int32_t inner = 1057819769 + q + mg_doubling_high_mul(square, 127690142);
    const int32_t reciprocal =
        mg_one_over_one_plus(mg_doubling_high_mul(p, inner) + mg_doubling_high_mul(q, 638450708));
    const int32_t quotient = mg_doubling_high_mul(mg_rounding_divide_by_pot(numerator, 6), reciprocal);
    return mg_saturating_shift_left(mg_doubling_high_mul(power, log_2) + quotient, 1);
}

static int32_t scaled_difference(int32_t difference, int32_t mult, int32_t shift)
{
    return mg_doubling_high_mul(mg_wrap_shift_left(difference, shift), mult);
}

static void one_line(const int8_t *input, int32_t size, int32_t step, int32_t mult, int32_t shift, int32_t diff_min,
                     int32_t back_mult, int32_t back_shift, int8_t *output)
{
    int32_t largest = INT8_MIN;
    int32_t sum = 0; /* Q12.19 */
    for (int32_t i = 0; i < size; i++)
    {
        largest = mg_max(largest, input[i * step]);
    }
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t difference = input[i * step] - largest;
        if (difference >= diff_min)
        {
            const int32_t power = mg_exp_on_negative(scaled_difference(difference, mult, shift));
            sum = mg_wrap_add(sum, mg_rounding_divide_by_pot(power, 12));
        }
    }
    const int32_t logarithm = log_from_one(sum);
    /* What is below this leaves Q5.26 when the logarithm is taken away. */
    const int32_t lowest = mg_max(diff_min - 1, mg_requantize(logarithm + INT32_MIN, back_mult, back_shift));
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t difference = input[i * step] - largest;
        int32_t value = INT8_MIN;
        if (difference > lowest)
        {
            const int32_t exact = scaled_difference(difference, mult, shift) - logarithm;
            value = mg_clamp(mg_rounding_divide_by_pot(exact, 22) + INT8_MAX, INT8_MIN, INT8_MAX);
        }
        output[i * step] = (int8_t)value;
    }
}

/*
 * The logarithm of the softmax along the middle one of three axes, to the scale 16/256 and the zero point 127. mult
 * and shift bring a difference to Q5.26, the others back; below diff_min its exponential counts as 0. The output may
 * be the input. An axis of 4096 values and more may overflow the sum.
 */
void mg_log_softmax_s8(const int8_t *input, int32_t outer, int32_t size, int32_t inner, int32_t mult, int32_t shift,
                       int32_t diff_min, int32_t back_mult, int32_t back_shift, int8_t *output)
{
    for (int32_t i = 0; i < outer; i++)
    {
        for (int32_t k = 0; k < inner; k++)
        {
            one_line(input + k, size, inner, mult, shift, diff_min, back_mult, back_shift, output + k);
        }
        input += size * inner;
        output += size * inner;
    }
}
