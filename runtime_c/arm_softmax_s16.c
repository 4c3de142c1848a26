/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_fixed_point.h"

/* The value at an int16 number of a table of 512 steps and their end. */
static int32_t between(const int16_t *table, int32_t x)
{
    const int32_t place = 256 + (x >> 7);
    const int32_t here = table[place];
    return here + (((x & 0x7F) * (table[place + 1] - here) + 64) >> 7);
}

/*
 * Softmax over rows of row_size values, results in Q0.15. mult and shift bring differences to 65535ths of 10. Each
 * result lies where its exponential has lain. The output may be the input.
 */
arm_cmsis_nn_status arm_softmax_s16(const int16_t *input, const int32_t num_rows, const int32_t row_size,
                                    const int32_t mult, const int32_t shift,
                                    const cmsis_nn_softmax_lut_s16 *softmax_params, int16_t *output)
{
    if (softmax_params->exp_lut == NULL || softmax_params->one_by_one_lut == NULL)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    for (int32_t row = 0; row < num_rows; row++)
    {
        int32_t largest = INT16_MIN;
        for (int32_t i = 0; i < row_size; i++)
        {
            largest = mg_max(largest, input[i]);
        }
        int32_t sum = 0;
        for (int32_t i = 0; i < row_size; i++)
        {
            const int32_t difference = mg_requantize(input[i] - largest, mult, shift);
            const int32_t exponential =
                between(softmax_params->exp_lut, mg_clamp(mg_wrap_add(difference, 32767), INT16_MIN, INT16_MAX));
            output[i] = (int16_t)exponential;
            sum += exponential;
        }
        const int32_t zeros = mg_count_leading_zeros((uint32_t)sum);
        const int32_t normal = (int32_t)((((int64_t)sum << (zeros - 1)) + (1 << 13)) >> 14);
        const int32_t place = mg_clamp(normal - (1 << 15) - (1 << 16), INT16_MIN, INT16_MAX);
        const int32_t reciprocal = between(softmax_params->one_by_one_lut, place);
        const int32_t right = 31 - zeros;
        for (int32_t i = 0; i < row_size; i++)
        {
            const int32_t share = (output[i] * reciprocal + (1 << (right - 1))) >> right;
            output[i] = (int16_t)mg_clamp(share, 0, INT16_MAX);
        }
        input += row_size;
        output += row_size;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
