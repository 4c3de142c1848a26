/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/*
 * Running sums of rows of `length` elements, which lie `inner` apart; with `exclusive` without the element itself,
 * with `reverse` from the end.
 */
void mg_cumulative_sum_f32(const float *input, float *output, int32_t outer, int32_t length, int32_t inner,
                           int32_t exclusive, int32_t reverse)
{
    for (int32_t i = 0; i < outer; i++)
    {
        for (int32_t k = 0; k < inner; k++)
        {
            float sum = 0.0f;
            for (int32_t j = 0; j < length; j++)
            {
                const int32_t place = (i * length + (reverse != 0 ? length - 1 - j : j)) * inner + k;
                const float before = sum;
                sum += input[place];
                output[place] = exclusive != 0 ? before : sum;
            }
        }
    }
}
