/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_depthwise_row_s16.h"
#include "mg_range.h"
#include "mg_requantize_s64.h"

/* Where the taps of one output position lie in the image. */
typedef struct
{
    const int16_t *const *rows;
    mg_range taps;
    mg_range columns;
    int32_t first; /* of a row, at the first of columns */
    int32_t step;  /* from column to column */
} window;

static void finish(const mg_depthwise_row_s16_params *params, int64_t sum, int32_t channel, int16_t *output)
{
    const int64_t whole = params->bias != NULL ? sum + params->bias[channel] : sum;
    const int32_t value = mg_requantize_s64(whole, params->multiplier[channel], params->shift[channel]);
    output[channel] = mg_to_activation_s16(value, &params->activation);
}

/* One output. */
static void one(const mg_depthwise_row_s16_params *params, const window *at, int32_t channel, int16_t *output)
{
    const int32_t channels = params->input_c * params->ch_mult;
    int64_t sum = 0;
    for (int32_t ky = at->taps.begin; ky < at->taps.end; ky++)
    {
        const int16_t *x = at->rows[ky] + at->first + channel / params->ch_mult;
        const int8_t *w = params->filter + (ky * params->kernel_w + at->columns.begin) * channels + channel;
        for (int32_t kx = at->columns.begin; kx < at->columns.end; kx++)
        {
            sum += *x * *w;
            x += at->step;
            w += channels;
        }
    }
    finish(params, sum, channel, output);
}

/* Four neighbouring outputs of as many inputs, whose sums fit 32 bits. */
static void four(const mg_depthwise_row_s16_params *params, const window *at, int32_t channel, int16_t *output)
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
    finish(params, sum0, channel, output);
    finish(params, sum1, channel + 1, output);
    finish(params, sum2, channel + 2, output);
    finish(params, sum3, channel + 3, output);
}

/* One row of outputs; rows and taps as those of mg_conv_row_s16. */
void mg_depthwise_row_s16(const mg_depthwise_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                          int16_t *output)
{
    const int32_t channels = params->input_c * params->ch_mult;
    const bool by_four = params->ch_mult == 1 && (int64_t)params->kernel_h * params->kernel_w <= MG_S16_BLOCK;
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const int32_t origin = out_x * params->stride_w - params->padding_w;
        const mg_range columns = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
        const int32_t first = columns.end > columns.begin ? origin + columns.begin * params->dilation_w : 0;
        const window at = {rows, taps, columns, first * params->input_c, params->dilation_w * params->input_c};
        int32_t channel = 0;
        for (; by_four && channel + 4 <= channels; channel += 4)
        {
            four(params, &at, channel, output);
        }
        for (; channel < channels; channel++)
        {
            one(params, &at, channel, output);
        }
        output += channels;
    }
}
