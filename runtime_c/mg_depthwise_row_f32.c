/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_conv_f32.h"
#include "mg_float.h"
#include "mg_range.h"

/* The taps of an output position: filter rows ky, filter columns kx, the first column at element x of a row. */
typedef struct
{
    const float *const *rows;
    mg_range ky;
    mg_range kx;
    int32_t x;
    int32_t x_step;
} window;

/* Four neighbouring channels of a convolution with as many output as input channels. */
static void four_channels(const mg_conv_f32_params *params, const window *win, const float *filter,
                          const float *bias, int32_t channel, float *output)
{
    const int32_t channels = params->output.c;
    const int32_t count = win->kx.end - win->kx.begin;
    float sum0 = 0.0f;
    float sum1 = 0.0f;
    float sum2 = 0.0f;
    float sum3 = 0.0f;
    if (bias != NULL)
    {
        sum0 = bias[channel];
        sum1 = bias[channel + 1];
        sum2 = bias[channel + 2];
        sum3 = bias[channel + 3];
    }
    for (int32_t ky = win->ky.begin; ky < win->ky.end; ky++)
    {
        const float *x = win->rows[ky] + (win->x + channel);
        const float *w = filter + ((ky * params->filter.w + win->kx.begin) * channels + channel);
        for (int32_t i = count; i > 0; i--)
        {
            sum0 = mg_multiply_add(x[0], w[0], sum0);
            sum1 = mg_multiply_add(x[1], w[1], sum1);
            sum2 = mg_multiply_add(x[2], w[2], sum2);
            sum3 = mg_multiply_add(x[3], w[3], sum3);
            x += win->x_step;
            w += channels;
        }
    }
    output[channel] = mg_clamp_f32(sum0, params->low, params->high);
    output[channel + 1] = mg_clamp_f32(sum1, params->low, params->high);
    output[channel + 2] = mg_clamp_f32(sum2, params->low, params->high);
    output[channel + 3] = mg_clamp_f32(sum3, params->low, params->high);
}

static float one_channel(const mg_conv_f32_params *params, const window *win, const float *filter, float sum,
                         int32_t input_channel, int32_t channel)
{
    const int32_t channels = params->output.c;
    for (int32_t ky = win->ky.begin; ky < win->ky.end; ky++)
    {
        const float *x = win->rows[ky] + (win->x + input_channel);
        const float *w = filter + ((ky * params->filter.w + win->kx.begin) * channels + channel);
        for (int32_t i = win->kx.end - win->kx.begin; i > 0; i--)
        {
            sum = mg_multiply_add(*x, *w, sum);
            x += win->x_step;
            w += channels;
        }
    }
    return mg_clamp_f32(sum, params->low, params->high);
}

/*
 * One output row of a depthwise convolution: output channel i * multiplier + j reads input channel i. rows[ky] is
 * the input row that row ky of the filter reads; only the filter's rows `taps` are computed and only their pointers
 * are read. bias may be NULL.
 */
void mg_depthwise_row_f32(const mg_conv_f32_params *params, const float *const *rows, mg_range taps,
                          const float *filter, const float *bias, float *restrict output)
{
    const int32_t channels = params->output.c;
    const int32_t multiplier = channels / params->input.c;
    for (int32_t out_x = 0; out_x < params->output.w; out_x++)
    {
        const int32_t dilation = params->dilation.w;
        const int32_t origin = out_x * params->stride.w - params->padding.w;
        const mg_range kx = mg_clip_taps(origin, dilation, params->filter.w, params->input.w);
        const window win = {.rows = rows,
                            .ky = taps,
                            .kx = kx,
                            .x = kx.end > kx.begin ? (origin + kx.begin * dilation) * params->input.c : 0,
                            .x_step = dilation * params->input.c};
        int32_t channel = 0;
        if (multiplier == 1)
        {
            for (; channel + 4 <= channels; channel += 4)
            {
                four_channels(params, &win, filter, bias, channel, output);
            }
        }
        for (; channel < channels; channel++)
        {
            const float start = bias != NULL ? bias[channel] : 0.0f;
            output[channel] = one_channel(params, &win, filter, start, channel / multiplier, channel);
        }
        output += channels;
    }
}
