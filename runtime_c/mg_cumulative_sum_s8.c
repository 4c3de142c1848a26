/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* Bits of the sums behind the point. */
#define FRACTION 19

/*
 * Running sums of rows of `length` elements, which lie `inner` apart; with `exclusive` without the element itself,
 * with `reverse` from the end. Like TensorFlow Lite Micro's, sums start from minus the input's zero point.
 */
void mg_cumulative_sum_s8(const int8_t *input, int8_t *output, int32_t outer, int32_t length, int32_t inner,
                          int32_t exclusive, int32_t reverse, int32_t input_zero_point, int32_t multiplier,
                          int32_t shift, int32_t output_offset)
{
    const cmsis_nn_activation range = {INT8_MIN, INT8_MAX};
    for (int32_t i = 0; i < outer; i++)
    {
        for (int32_t k = 0; k < inner; k++)
        {
            int32_t sum = mg_wrap_shift_left(-input_zero_point, FRACTION);
            for (int32_t j = 0; j < length; j++)
            {
                const int32_t place = (i * length + (reverse != 0 ? length - 1 - j : j)) * inner + k;
                const int32_t before = sum;
                sum = mg_wrap_add(sum, mg_wrap_shift_left(input[place] - input_zero_point, FRACTION));
                output[place] =
                    mg_requantize_s8(exclusive != 0 ? before : sum, multiplier, shift, output_offset, &range);
            }
        }
    }
}
