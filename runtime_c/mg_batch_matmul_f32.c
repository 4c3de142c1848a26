/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_batch_matmul.h"
#include "mg_float.h"
#include "mg_support.h"

/* One row of a with all of b, four columns at a time. */
static void one_row(const mg_batch_matmul_params *params, const float *a, const float *b, float *restrict output)
{
    const int32_t step = params->b_column;
    int32_t column = 0;
    for (; column + 4 <= params->columns; column += 4)
    {
        const float *x = a;
        const float *y = b + column * step;
        float sum0 = 0.0f;
        float sum1 = 0.0f;
        float sum2 = 0.0f;
        float sum3 = 0.0f;
        for (int32_t k = 0; k < params->depth; k++)
        {
            const float value = *x;
            sum0 = mg_multiply_add(value, y[0], sum0);
            sum1 = mg_multiply_add(value, y[step], sum1);
            sum2 = mg_multiply_add(value, y[2 * step], sum2);
            sum3 = mg_multiply_add(value, y[3 * step], sum3);
            x += params->a_depth;
            y += params->b_depth;
        }
        output[column] = sum0;
        output[column + 1] = sum1;
        output[column + 2] = sum2;
        output[column + 3] = sum3;
    }
    for (; column < params->columns; column++)
    {
        const float *y = b + column * step;
        float sum = 0.0f;
        for (int32_t k = 0; k < params->depth; k++)
        {
            sum = mg_multiply_add(a[k * params->a_depth], y[k * params->b_depth], sum);
        }
        output[column] = sum;
    }
}

/* Products of float matrices that lie in memory in any order. */
void mg_batch_matmul_f32(const mg_batch_matmul_params *params, const float *a, const float *b, float *restrict output)
{
    int32_t index[MG_BATCH_MATMUL_RANK] = {0};
    do
    {
        const float *left = a + mg_index_offset(index, params->a_batch_strides, MG_BATCH_MATMUL_RANK);
        const float *right = b + mg_index_offset(index, params->b_batch_strides, MG_BATCH_MATMUL_RANK);
        for (int32_t row = 0; row < params->rows; row++)
        {
            one_row(params, left + row * params->a_row, right, output);
            output += params->columns;
        }
    } while (mg_next_index(index, params->batch, MG_BATCH_MATMUL_RANK));
}
