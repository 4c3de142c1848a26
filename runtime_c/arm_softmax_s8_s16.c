/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_softmax_s8.h"

/*
 * Softmax along rows of row_size int8 values, to int16 of the scale 1/65536 and the zero point -32768. mult and shift
 * bring a difference to Q5.26; below diff_min its exponential counts as 0. A row of 4096 values and more may overflow
 * the sum.
 */
void arm_softmax_s8_s16(const int8_t *input, const int32_t num_rows, const int32_t row_size, const int32_t mult,
                        const int32_t shift, const int32_t diff_min, int16_t *output)
{
    for (int32_t row = 0; row < num_rows; row++)
    {
        const mg_softmax_line line = mg_softmax_measure_s8(input, row_size, 1, mult, shift, diff_min, 16);
        for (int32_t i = 0; i < row_size; i++)
        {
            const int32_t share = mg_softmax_share_s8(&line, input[i], mult, shift, diff_min);
            output[i] = (int16_t)mg_clamp(share + INT16_MIN, INT16_MIN, INT16_MAX);
        }
        input += row_size;
        output += row_size;
    }
}
