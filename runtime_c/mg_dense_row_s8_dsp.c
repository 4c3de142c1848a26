/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_dense_row_s8.h"
#include "mg_dsp.h"
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

static inline int32_t step(uint32_t weights, uint32_t even, uint32_t odd, int32_t sum)
{
    return mg_smlad(odd, mg_sxtb16_ror8(weights), mg_smlad(even, mg_sxtb16(weights), sum));
}

/* Adds to sums the products of four rows that lie n bytes apart with the input, widened as it is read. */
static void dot_4x1(int32_t *sums, const int8_t *x, const int8_t *w, int32_t n, uint32_t offset)
{
    const int8_t *end = x + n / 4 * 4;
    int32_t sum0 = sums[0];
    int32_t sum1 = sums[1];
    int32_t sum2 = sums[2];
    int32_t sum3 = sums[3];
    while (x < end)
    {
        const uint32_t word = mg_dsp_load(x);
        const uint32_t even = mg_sxtab16(offset, word);
        const uint32_t odd = mg_sxtab16_ror8(offset, word);
        sum0 = step(mg_dsp_load(w), even, odd, sum0);
        sum1 = step(mg_dsp_load(w + n), even, odd, sum1);
        sum2 = step(mg_dsp_load(w + 2 * n), even, odd, sum2);
        sum3 = step(mg_dsp_load(w + 3 * n), even, odd, sum3);
        x += 4;
        w += 4;
    }
    if (n % 4 != 0)
    {
        /* The weights behind the end are 0, so it does not matter that the input there is the offset. */
        const uint32_t word = mg_dsp_load_part(x, n % 4);
        const uint32_t even = mg_sxtab16(offset, word);
        const uint32_t odd = mg_sxtab16_ror8(offset, word);
        sum0 = step(mg_dsp_load_part(w, n % 4), even, odd, sum0);
        sum1 = step(mg_dsp_load_part(w + n, n % 4), even, odd, sum1);
        sum2 = step(mg_dsp_load_part(w + 2 * n, n % 4), even, odd, sum2);
        sum3 = step(mg_dsp_load_part(w + 3 * n, n % 4), even, odd, sum3);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

static int32_t dot(int32_t sum, const int8_t *x, const int8_t *w, int32_t n, uint32_t offset)
{
    for (; n >= 4; n -= 4)
    {
        const uint32_t word = mg_dsp_load(x);
        sum = step(mg_dsp_load(w), mg_sxtab16(offset, word), mg_sxtab16_ror8(offset, word), sum);
        x += 4;
        w += 4;
    }
    const uint32_t word = mg_dsp_load_part(x, n);
    return step(mg_dsp_load_part(w, n), mg_sxtab16(offset, word), mg_sxtab16_ror8(offset, word), sum);
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
        dot_4x1(sums, input, filter, params->input_c, offset);
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
        const int32_t sum = dot(mg_wrap_add(start, bias), input, filter, params->input_c, offset);
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
