/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_batch_matmul.h"
#include "mg_support.h"

static int8_t finish(const mg_batch_matmul_s8_params *params, uint32_t sum)
{
    const cmsis_nn_activation range = {INT8_MIN, INT8_MAX};
    return mg_requantize_s8((int32_t)sum, params->multiplier, params->shift, params->output_offset, &range);
}

/* One row of a with all of b, four columns at a time. */
static void one_row(const mg_batch_matmul_s8_params *params, const int8_t *a, const int8_t *b, int8_t *restrict output)
{
    const mg_batch_matmul_params *loops = &params->loops;
    const int32_t step = loops->b_column;
    int32_t column = 0;
    for (; column + 4 <= loops->columns; column += 4)
    {
        const int8_t *x = a;
        const int8_t *y = b + column * step;
        uint32_t sums[4] = {0u, 0u, 0u, 0u};
        for (int32_t k = 0; k < loops->depth; k++)
        {
            const int32_t value = *x + params->input_offset;
            sums[0] += (uint32_t)(value * (y[0] + params->filter_offset));
            sums[1] += (uint32_t)(value * (y[step] + params->filter_offset));
            sums[2] += (uint32_t)(value * (y[2 * step] + params->filter_offset));
            sums[3] += (uint32_t)(value * (y[3 * step] + params->filter_offset));
            x += loops->a_depth;
            y += loops->b_depth;
        }
        for (int32_t i = 0; i < 4; i++)
        {
            output[column + i] = finish(params, sums[i]);
        }
    }
    for (; column < loops->columns; column++)
    {
        const int8_t *y = b + column * step;
        uint32_t sum = 0;
        for (int32_t k = 0; k < loops->depth; k++)
        {
            const int32_t value = a[k * loops->a_depth] + params->input_offset;
            sum += (uint32_t)(value * (y[k * loops->b_depth] + params->filter_offset));
        }
        output[column] = finish(params, sum);
    }
}

/* Products of matrices that lie in memory in any order, by the arithmetic of arm_batch_matmul_s8. */
void mg_batch_matmul_s8(const mg_batch_matmul_s8_params *params, const int8_t *a, const int8_t *b,
                        int8_t *restrict output)
{
    const mg_batch_matmul_params *loops = &params->loops;
    int32_t index[MG_BATCH_MATMUL_RANK] = {0};
    do
    {
        const int8_t *left = a + mg_index_offset(index, loops->a_batch_strides, MG_BATCH_MATMUL_RANK);
        const int8_t *right = b + mg_index_offset(index, loops->b_batch_strides, MG_BATCH_MATMUL_RANK);
        for (int32_t row = 0; row < loops->rows; row++)
        {
            one_row(params, left + row * loops->a_row, right, output);
            output += loops->columns;
        }
    } while (mg_next_index(index, loops->batch, MG_BATCH_MATMUL_RANK));
}
