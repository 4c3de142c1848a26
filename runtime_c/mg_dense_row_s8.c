/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_dense_row_s8.h"
#include "mg_dot_s8.h"
#include "mg_support.h"

/*
 * What the filter's zero point adds to a sum: filter_offset * (x + input_offset) over all inputs, the same
 * for every output.
 */
static uint32_t offset_sum(const mg_dense_row_s8_params *params, const int8_t *input)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < params->input_c; i++)
    {
        sum += (uint32_t)(input[i] + params->input_offset);
    }
    return sum * (uint32_t)params->filter_offset;
}

/* `count` input vectors that lie input_step bytes apart, to as many output vectors side by side. */
void mg_dense_row_s8(const mg_dense_row_s8_params *params, const int8_t *input, int32_t count,
                     int32_t input_step, int8_t *restrict output)
{
    const int32_t input_c = params->input_c;
    for (int32_t vector = 0; vector < count; vector++)
    {
        const uint32_t start = params->filter_offset != 0 ? offset_sum(params, input) : 0u;
        const int8_t *filter = params->filter;
        int32_t channel = 0;
        while (channel < params->output_c)
        {
            const int32_t block = params->output_c - channel >= 4 ? 4 : 1;
            uint32_t sums[4] = {start, start, start, start};
            if (block == 4)
            {
                mg_dot4_s8(sums, input, params->input_offset, filter, input_c, input_c);
            }
            else
            {
                sums[0] = mg_dot_s8(start, input, params->input_offset, filter, input_c);
            }
            for (int32_t i = 0; i < block; i++)
            {
                const int32_t bias = params->bias != NULL ? params->bias[channel] : 0;
                const int32_t quant = channel * params->quant_step;
                *output++ = mg_requantize_s8(mg_wrap_add((int32_t)sums[i], bias), params->multiplier[quant],
                                             params->shift[quant], params->output_offset,
                                             &params->activation);
                channel++;
            }
            filter += block * input_c;
        }
        input += input_step;
    }
}
