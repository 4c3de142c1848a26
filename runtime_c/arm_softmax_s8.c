/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_softmax_s8.h"

/*
 * Softmax along rows of row_size values, to the scale 1/256 and the zero point -128. mult and shift bring a
 * difference to Q5.26; below diff_min its exponential counts as 0. The output may be the input. A row of
 * 4096 values and more may overflow the sum.
 */
void arm_softmax_s8(const int8_t *input, const int32_t num_rows, const int32_t row_size, const int32_t mult,
                    const int32_t shift, const int32_t diff_min, int8_t *output)
{
    for (int32_t row = 0; row < num_rows; row++)
    {
        mg_softmax_line_s8(input, row_size, 1, mult, shift, diff_min, output);
        input += row_size;
        output += row_size;
    }
}
