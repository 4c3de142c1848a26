/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_batch_matmul.h"
#include "mg_requantize_s64.h"

/* Products of matrices of int16 numbers that lie in memory in any order; zero points are 0. */
void mg_batch_matmul_s16(const mg_batch_matmul_s8_params *params, const int16_t *a, const int16_t *b,
                         int16_t *restrict output)
{
    const mg_batch_matmul_params *loops = &params->loops;
    const cmsis_nn_activation range = {INT16_MIN, INT16_MAX};
    int32_t index[MG_BATCH_MATMUL_RANK] = {0};
    do
    {
        const int16_t *left = a + mg_index_offset(index, loops->a_batch_strides, MG_BATCH_MATMUL_RANK);
        const int16_t *right = b + mg_index_offset(index, loops->b_batch_strides, MG_BATCH_MATMUL_RANK);
        for (int32_t row = 0; row < loops->rows; row++)
        {
            for (int32_t column = 0; column < loops->columns; column++)
            {
                const int16_t *x = left + row * loops->a_row;
                const int16_t *y = right + column * loops->b_column;
                const int64_t sum = mg_dot_wide_s16(x, loops->a_depth, y, loops->b_depth, loops->depth);
                *output++ = mg_to_activation_s16(mg_requantize_s64(sum, params->multiplier, params->shift), &range);
            }
        }
    } while (mg_next_index(index, loops->batch, MG_BATCH_MATMUL_RANK));
}
