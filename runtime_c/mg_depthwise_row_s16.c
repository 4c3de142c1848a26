/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_MVE

#include "mg_depthwise_window_s16.h"

/* `count` neighbouring outputs from sums that fit 32 bits. */
static MG_APART void finish(const mg_depthwise_row_s16_params *params, const int32_t *sums, int32_t count,
                            int32_t channel, int16_t *output)
{
    const int32_t low = params->activation.min;
    const int32_t high = params->activation.max;
    const int32_t *multiplier = params->multiplier;
    const int32_t *shift = params->shift;
    const int64_t *bias = params->bias;
    for (int32_t end = channel + count; channel < end; channel++)
    {
        const int64_t sum = bias != NULL ? bias[channel] + *sums : *sums;
        const int32_t value = mg_requantize_s64(sum, multiplier[channel], shift[channel]);
        output[channel] = (int16_t)mg_clamp(value, low, high);
        sums++;
    }
}

/* Four neighbouring outputs of as many inputs, whose sums fit 32 bits. */
static void four(const mg_depthwise_row_s16_params *params, const mg_depthwise_window_s16 *at, int32_t channel, int16_t *output)
{
    const int32_t channels = params->input_c;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    for (int32_t ky = at->taps.begin; ky < at->taps.end; ky++)
    {
        const int16_t *x = at->rows[ky] + at->first + channel;
        const int8_t *w = params->filter + (ky * params->kernel_w + at->columns.begin) * channels + channel;
        for (int32_t kx = at->columns.begin; kx < at->columns.end; kx++)
        {
            sum0 += x[0] * w[0];
            sum1 += x[1] * w[1];
            sum2 += x[2] * w[2];
            sum3 += x[3] * w[3];
            x += at->step;
            w += channels;
        }
    }
    const int32_t sums[4] = {sum0, sum1, sum2, sum3};
    finish(params, sums, 4, channel, output);
}

/* One row of outputs; rows and taps as those of mg_conv_row_s16. */
void mg_depthwise_row_s16(const mg_depthwise_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                          int16_t *output)
{
    const int32_t channels = params->input_c * params->ch_mult;
    const bool by_four = params->ch_mult == 1 && (int64_t)params->kernel_h * params->kernel_w <= MG_S16_BLOCK;
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const mg_depthwise_window_s16 at = mg_depthwise_window_at(params, rows, taps, out_x);
        int32_t channel = 0;
        for (; by_four && channel + 4 <= channels; channel += 4)
        {
            four(params, &at, channel, output);
        }
        for (; channel < channels; channel++)
        {
            mg_depthwise_one_s16(params, &at, channel, output);
        }
        output += channels;
    }
}

#endif
