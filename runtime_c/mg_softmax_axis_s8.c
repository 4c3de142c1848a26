/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_softmax_s8.h"

/*
 * Softmax along the middle one of three axes. The numbers and what holds of them are those of arm_softmax_s8; the
 * output may be the input.
 */
void mg_softmax_axis_s8(const int8_t *input, int32_t outer, int32_t size, int32_t inner, int32_t mult, int32_t shift,
                        int32_t diff_min, int8_t *output)
{
    for (int32_t i = 0; i < outer; i++)
    {
        for (int32_t k = 0; k < inner; k++)
        {
            mg_softmax_line_s8(input + k, size, inner, mult, shift, diff_min, output + k);
        }
        input += size * inner;
        output += size * inner;
    }
}
