/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* A matrix [`rows`, `columns`] times each of `frames` vectors less `zero_point`, rounded after a shift to the right. */
void mg_signal_linear_s16(const int16_t *input, const int16_t *matrix, int16_t *output, int32_t frames, int32_t rows,
                          int32_t columns, int32_t zero_point, int32_t shift)
{
    for (int32_t i = 0; i < frames; i++)
    {
        const int16_t *row = matrix;
        for (int32_t j = 0; j < rows; j++)
        {
            int64_t sum = (int64_t)1 << (shift - 1);
            for (int32_t k = 0; k < columns; k++)
            {
                sum += (int64_t)(input[k] - zero_point) * row[k];
            }
            sum >>= shift;
            output[j] = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
            row += columns;
        }
        input += columns;
        output += rows;
    }
}
