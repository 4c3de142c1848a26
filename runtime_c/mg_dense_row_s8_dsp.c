/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_dense_row_s8.h"
#include "mg_dsp_rows_s8.h"
#include "mg_finish_s8.h"
#include "mg_support.h"

/* Rows of the filter that share one reading of the input. */
#define ROWS 4

/*
 * What the filter's zero point adds to a sum: filter_offset * (x + input_offset) over all inputs, the same
 * for every output.
 */
static int32_t offset_sum(const mg_dense_row_s8_params *params, const int8_t *input)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < params->input_c; i++)
    {
        sum += (uint32_t)(input[i] + params->input_offset);
    }
    return (int32_t)(sum * (uint32_t)params->filter_offset);
}

/* One input vector. */
static void multiply(const mg_dense_row_s8_params *params, const int8_t *input, int8_t *restrict output)
{
    const mg_output_range range = mg_output_range_of(params->output_offset, &params->activation);
    const uint32_t offset = mg_dsp_both(params->input_offset);
    const int32_t start = params->filter_offset != 0 ? offset_sum(params, input) : 0;
    const int32_t quant_step = params->quant_step;
    const int32_t *multiplier = params->multiplier;
    const int32_t *shift = params->shift;
    const int8_t *filter = params->filter;
    int32_t channel = 0;
    for (; params->output_c - channel >= ROWS; channel += ROWS)
    {
        int32_t sums[ROWS] = {start, start, start, start};
        if (params->bias != NULL)
        {
            for (int32_t i = 0; i < ROWS; i++)
            {
                sums[i] = mg_wrap_add(start, params->bias[channel + i]);
            }
        }
        mg_dsp_rows_4(sums, input, filter, params->input_c, params->input_c, offset);
        for (int32_t i = 0; i < ROWS; i += 2)
        {
            mg_finish_2(&range, multiplier[0], shift[0], multiplier[quant_step], shift[quant_step], sums[i],
                            sums[i + 1], output + channel + i);
            multiplier += 2 * quant_step;
            shift += 2 * quant_step;
        }
        filter += ROWS * params->input_c;
    }
    for (; channel < params->output_c; channel++)
    {
        const int32_t bias = params->bias != NULL ? params->bias[channel] : 0;
        const int32_t sum = mg_dsp_row(mg_wrap_add(start, bias), input, filter, params->input_c, offset);
        output[channel] =
            mg_requantize_s8(sum, *multiplier, *shift, params->output_offset, &params->activation);
        multiplier += quant_step;
        shift += quant_step;
        filter += params->input_c;
    }
}

/* `count` input vectors that lie input_step bytes apart, to as many output vectors side by side. */
void mg_dense_row_s8(const mg_dense_row_s8_params *params, const int8_t *input, int32_t count,
                     int32_t input_step, int8_t *restrict output)
{
    for (int32_t vector = 0; vector < count; vector++)
    {
        multiply(params, input, output);
        input += input_step;
        output += params->output_c;
    }
}

#endif
