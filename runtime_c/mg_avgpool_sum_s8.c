/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_MVE

#include <string.h>

#include "mg_avgpool_s8.h"

/* The sum of each channel over a window of rows that lie row_step bytes apart. */
void mg_avgpool_sum_s8(int32_t *sums, const int8_t *input, int32_t rows, int32_t columns, int32_t row_step,
                       int32_t channels)
{
    memset(sums, 0, (size_t)channels * sizeof(int32_t));
    for (int32_t y = 0; y < rows; y++)
    {
        mg_avgpool_add_s8(sums, input + y * row_step, columns, channels);
    }
}

#endif
