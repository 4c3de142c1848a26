/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_layer_norm.h"
#include "mg_support.h"

/* The integer part of the square root of a number below 2^62. */
static uint32_t root_of(uint64_t value)
{
    uint32_t root = 0;
    for (uint32_t bit = (uint32_t)1 << 30; bit != 0u; bit >>= 1)
    {
        const uint32_t next = root | bit;
        if ((uint64_t)next * next <= value)
        {
            root = next;
        }
    }
    return root;
}

/* size^2 times the variance and epsilon, at least 1, with spread_bits fractional bits; `sum` is that of the row. */
static uint64_t spread_of(const mg_layer_norm_s8_params *params, const int8_t *input, int32_t *sum)
{
    int32_t total = 0;
    int64_t squares = 0;
    for (int32_t i = 0; i < params->size; i++)
    {
        total += input[i];
        squares += input[i] * input[i];
    }
    *sum = total;
    const uint64_t spread = (uint64_t)(params->size * squares - (int64_t)total * total) << params->spread_bits;
    const uint64_t with_epsilon = spread + ((uint64_t)params->epsilon << params->epsilon_shift);
    const uint64_t one = (uint64_t)1 << params->spread_bits;
    return with_epsilon > one ? with_epsilon : one;
}

/*
 * Normalization of rows in integers, the same on every core: sums are exact, the inverse of the square root has 31
 * bits, normalized values have MG_LAYER_NORM_BITS fractional bits. The output may be the input.
 */
void mg_layer_norm_s8(const mg_layer_norm_s8_params *params, const int8_t *input, int8_t *output)
{
    const int64_t half = (int64_t)1 << (params->output_shift - 1);
    const int64_t beta_unit = (int64_t)1 << params->beta_shift;
    for (int32_t row = 0; row < params->rows; row++)
    {
        int32_t sum;
        uint64_t spread = spread_of(params, input, &sum);
        int32_t shift = 61 - MG_LAYER_NORM_BITS - params->spread_bits / 2;
        while (spread < (uint64_t)1 << 60)
        {
            spread <<= 2;
            shift--;
        }
        const int32_t inverse = (int32_t)((((uint64_t)1 << 61) - 1u) / root_of(spread));
        const int64_t rounding = (int64_t)1 << (shift - 1);
        for (int32_t i = 0; i < params->size; i++)
        {
            const int32_t distance = params->size * input[i] - sum;
            const int64_t normalized = ((int64_t)distance * inverse + rounding) >> shift;
            int64_t result = half + normalized * (params->gamma != NULL ? params->gamma[i] : params->gamma_of_all);
            if (params->beta != NULL)
            {
                result += params->beta[i] * beta_unit;
            }
            result = (result >> params->output_shift) + params->output_offset;
            output[i] = (int8_t)(result < INT8_MIN ? INT8_MIN : result > INT8_MAX ? INT8_MAX : result);
        }
        input += params->size;
        output += params->size;
    }
}
