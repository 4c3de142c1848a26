/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"
#include "mg_layer_norm.h"
#include "mg_support.h"

/* Sums of so many elements are added up, so that long rows lose no more bits than short ones. */
#define PIECE 32

/* The sum of what is left of a row without `mean`, or of the squares of that. */
static float sum_of(const float *x, int32_t size, float mean, float rest, bool squares)
{
    float total = 0.0f;
    for (int32_t start = 0; start < size; start += PIECE)
    {
        const int32_t end = mg_min(start + PIECE, size);
        float sum = 0.0f;
        for (int32_t i = start; i < end; i++)
        {
            const float distance = (x[i] - mean) - rest;
            sum = squares ? mg_multiply_add(distance, distance, sum) : sum + distance;
        }
        total += sum;
    }
    return total;
}

/*
 * Normalization of rows of floats; gamma and beta have an element for each of a row, or are NULL. The output may be
 * the input.
 */
void mg_layer_norm_f32(const mg_layer_norm_f32_params *params, const float *input, const float *gamma,
                       const float *beta, float *output)
{
    const float count = (float)params->size;
    for (int32_t row = 0; row < params->rows; row++)
    {
        const float mean = sum_of(input, params->size, 0.0f, 0.0f, false) / count;
        /* What rounding has left of the mean would be large beside a small variance. */
        const float rest = sum_of(input, params->size, mean, 0.0f, false) / count;
        const float variance = sum_of(input, params->size, mean, rest, true) / count;
        const float deviation = sqrtf(variance + params->epsilon);
        for (int32_t i = 0; i < params->size; i++)
        {
            const float normalized = ((input[i] - mean) - rest) / deviation;
            const float scaled = gamma != NULL ? normalized * gamma[i] : normalized;
            output[i] = beta != NULL ? scaled + beta[i] : scaled;
        }
        input += params->size;
        output += params->size;
    }
}
