/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_DSP && !MG_MVE

#include "mg_dense_row_s8.h"
#include "mg_dot_s8.h"
#include "mg_finish_s8.h"
#include "mg_support.h"

/* From so many vectors on it pays to sum up the weights of each output beforehand. */
#define MANY 8

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

/*
 * What an output's sum starts with: its bias and, where many vectors share it, what the input's zero point
 * adds, so that it need not be added to each value.
 */
static uint32_t start_of(const mg_dense_row_s8_params *params, int32_t channel, int32_t input_offset)
{
    const int8_t *w = params->filter + channel * params->input_c;
    uint32_t sum = params->bias != NULL ? (uint32_t)params->bias[channel] : 0u;
    if (input_offset != 0)
    {
        int32_t weights = 0;
        for (int32_t i = 0; i < params->input_c; i++)
        {
            weights += w[i];
        }
        sum += (uint32_t)weights * (uint32_t)input_offset;
    }
    return sum;
}

/* One vector at a time, four outputs from `channel` on; the same for a filter with a zero point. */
static void four_outputs(const mg_dense_row_s8_params *params, const mg_output_range *range, int32_t channel,
                         const int8_t *input, int32_t count, int32_t input_step, int8_t *restrict output)
{
    const int32_t input_c = params->input_c;
    const int32_t quant_step = params->quant_step;
    const int32_t *multiplier = params->multiplier + channel * quant_step;
    const int32_t *shift = params->shift + channel * quant_step;
    uint32_t starts[4];
    for (int32_t i = 0; i < 4; i++)
    {
        starts[i] = start_of(params, channel + i, 0);
    }
    for (int32_t vector = 0; vector < count; vector++)
    {
        const uint32_t extra = params->filter_offset != 0 ? offset_sum(params, input) : 0u;
        uint32_t sums[4] = {starts[0] + extra, starts[1] + extra, starts[2] + extra, starts[3] + extra};
        mg_dot4_s8(sums, input, params->input_offset, params->filter + channel * input_c, input_c, input_c);
        mg_finish_2(range, multiplier[0], shift[0], multiplier[quant_step], shift[quant_step], (int32_t)sums[0],
                    (int32_t)sums[1], output + channel);
        mg_finish_2(range, multiplier[2 * quant_step], shift[2 * quant_step], multiplier[3 * quant_step],
                    shift[3 * quant_step], (int32_t)sums[2], (int32_t)sums[3], output + channel + 2);
        input += input_step;
        output += params->output_c;
    }
}

/* Two vectors at a time, two outputs from `channel` on; count is even. */
static void two_outputs(const mg_dense_row_s8_params *params, const mg_output_range *range, int32_t channel,
                        const int8_t *input, int32_t count, int32_t input_step, int8_t *restrict output)
{
    const int32_t input_c = params->input_c;
    const int32_t output_c = params->output_c;
    const int8_t *filter = params->filter + channel * input_c;
    const int32_t multiplier0 = params->multiplier[channel * params->quant_step];
    const int32_t shift0 = params->shift[channel * params->quant_step];
    const int32_t multiplier1 = params->multiplier[(channel + 1) * params->quant_step];
    const int32_t shift1 = params->shift[(channel + 1) * params->quant_step];
    const uint32_t start0 = start_of(params, channel, params->input_offset);
    const uint32_t start1 = start_of(params, channel + 1, params->input_offset);
    int8_t *out = output + channel;
    for (int32_t vector = 0; vector < count; vector += 2)
    {
        uint32_t sums[4] = {start0, start1, start0, start1};
        mg_dot2x2_s8(sums, input, input_step, filter, input_c, input_c);
        mg_finish_2(range, multiplier0, shift0, multiplier1, shift1, (int32_t)sums[0], (int32_t)sums[1], out);
        out += output_c;
        mg_finish_2(range, multiplier0, shift0, multiplier1, shift1, (int32_t)sums[2], (int32_t)sums[3], out);
        out += output_c;
        input += 2 * input_step;
    }
}

static void one_output(const mg_dense_row_s8_params *params, int32_t channel, const int8_t *input, int32_t count,
                       int32_t input_step, int8_t *restrict output)
{
    const int8_t *filter = params->filter + channel * params->input_c;
    const int32_t quant = channel * params->quant_step;
    const uint32_t start = start_of(params, channel, 0);
    for (int32_t vector = 0; vector < count; vector++)
    {
        const uint32_t extra = params->filter_offset != 0 ? offset_sum(params, input) : 0u;
        const uint32_t sum = mg_dot_s8(start + extra, input, params->input_offset, filter, params->input_c);
        output[channel] = mg_requantize_s8((int32_t)sum, params->multiplier[quant], params->shift[quant],
                                           params->output_offset, &params->activation);
        input += input_step;
        output += params->output_c;
    }
}

/* `count` input vectors that lie input_step bytes apart, to as many output vectors side by side. */
void mg_dense_row_s8(const mg_dense_row_s8_params *params, const int8_t *input, int32_t count,
                     int32_t input_step, int8_t *restrict output)
{
    const mg_output_range range = mg_output_range_of(params->output_offset, &params->activation);
    const int32_t output_c = params->output_c;
    int32_t channel = 0;
    if (count >= MANY && params->filter_offset == 0)
    {
        const int32_t pairs = count / 2 * 2;
        for (; output_c - channel >= 2; channel += 2)
        {
            two_outputs(params, &range, channel, input, pairs, input_step, output);
        }
        for (; channel < output_c; channel++)
        {
            one_output(params, channel, input, pairs, input_step, output);
        }
        input += pairs * input_step;
        output += pairs * output_c;
        count -= pairs;
        channel = 0;
    }
    for (; output_c - channel >= 4; channel += 4)
    {
        four_outputs(params, &range, channel, input, count, input_step, output);
    }
    for (; channel < output_c; channel++)
    {
        one_output(params, channel, input, count, input_step, output);
    }
}

#endif
