/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_depthwise_row_s8.h"
#include "mg_dsp.h"
#include "mg_finish_s8.h"
#include "mg_range.h"
#include "mg_support.h"

/* The taps of one output position: kernel rows `ky`, kernel columns `kx`, the first column at byte x. */
typedef struct
{
    mg_range ky;
    mg_range kx;
    int32_t x;
    int32_t x_step;
} window;

/* The sums of four neighbouring channels. */
typedef struct
{
    int32_t sum0;
    int32_t sum1;
    int32_t sum2;
    int32_t sum3;
} quad;

static inline quad add_tap(quad sums, const int8_t *x, const int8_t *w, uint32_t offset)
{
    const uint32_t values = mg_dsp_load(x);
    const uint32_t weights = mg_dsp_load(w);
    const uint32_t x_even = mg_sxtab16(offset, values);
    const uint32_t x_odd = mg_sxtab16_ror8(offset, values);
    const uint32_t w_even = mg_sxtb16(weights);
    const uint32_t w_odd = mg_sxtb16_ror8(weights);
    sums.sum0 = mg_smlabb(x_even, w_even, sums.sum0);
    sums.sum1 = mg_smlabb(x_odd, w_odd, sums.sum1);
    sums.sum2 = mg_smlatt(x_even, w_even, sums.sum2);
    sums.sum3 = mg_smlatt(x_odd, w_odd, sums.sum3);
    return sums;
}

static inline quad add_row(quad sums, const int8_t *x, int32_t x_step, const int8_t *w, int32_t w_step,
                           int32_t count, uint32_t offset)
{
    if (count == 3)
    {
        sums = add_tap(sums, x, w, offset);
        sums = add_tap(sums, x + x_step, w + w_step, offset);
        return add_tap(sums, x + 2 * x_step, w + 2 * w_step, offset);
    }
    for (int32_t i = 0; i < count; i++)
    {
        sums = add_tap(sums, x, w, offset);
        x += x_step;
        w += w_step;
    }
    return sums;
}

/* Four neighbouring channels of a convolution whose channel multiplier is 1; w: their first weight. */
static inline void four_channels(const mg_depthwise_row_s8_params *params, const int8_t *const *rows,
                                 const window *win, int32_t channel, const int8_t *w,
                                 const mg_output_range *range, int8_t *restrict output)
{
    const uint32_t offset = mg_dsp_both(params->input_offset);
    const int32_t count = win->kx.end - win->kx.begin;
    const int32_t w_step = params->input_c;
    const int32_t w_row = params->kernel_w * w_step;
    const int32_t start = win->x + channel;
    const int8_t *const *end = rows + win->ky.end;
    quad sums = {0, 0, 0, 0};
    if (params->bias != NULL)
    {
        const int32_t *bias = params->bias + channel;
        sums.sum0 = bias[0];
        sums.sum1 = bias[1];
        sums.sum2 = bias[2];
        sums.sum3 = bias[3];
    }
    for (const int8_t *const *row = rows + win->ky.begin; row < end; row++)
    {
        sums = add_row(sums, *row + start, win->x_step, w, w_step, count, offset);
        w += w_row;
    }
    const int32_t *multiplier = params->multiplier + channel;
    const int32_t *shift = params->shift + channel;
    mg_finish_2(range, multiplier[0], shift[0], multiplier[1], shift[1], sums.sum0, sums.sum1, output);
    mg_finish_2(range, multiplier[2], shift[2], multiplier[3], shift[3], sums.sum2, sums.sum3, output + 2);
}

static int8_t one_channel(const mg_depthwise_row_s8_params *params, const int8_t *const *rows,
                          const window *win, int32_t input_channel, int32_t channel)
{
    const int32_t output_c = params->input_c * params->ch_mult;
    const int32_t count = win->kx.end - win->kx.begin;
    uint32_t sum = params->bias != NULL ? (uint32_t)params->bias[channel] : 0u;

    for (int32_t ky = win->ky.begin; ky < win->ky.end; ky++)
    {
        const int8_t *x = rows[ky] + (win->x + input_channel);
        const int8_t *w = params->filter + ((ky * params->kernel_w + win->kx.begin) * output_c + channel);
        for (int32_t i = 0; i < count; i++)
        {
            sum += (uint32_t)((x[i * win->x_step] + params->input_offset) * w[i * output_c]);
        }
    }
    return mg_requantize_s8((int32_t)sum, params->multiplier[channel], params->shift[channel],
                            params->output_offset, &params->activation);
}

/*
 * One output row. rows[ky] is the input row that row ky of the kernel reads. Only the kernel's rows `taps`
 * are computed, and only their pointers are read: one that would lie above or below the image may be left
 * out, or point to a row of zero points, with the same result.
 */
void mg_depthwise_row_s8(const mg_depthwise_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                         int8_t *restrict output)
{
    const mg_output_range range = mg_output_range_of(params->output_offset, &params->activation);
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const int32_t origin = out_x * params->stride_w - params->padding_w;
        int32_t input_channel = 0;
        window win;
        win.ky = taps;
        win.kx = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
        if (win.kx.begin == win.kx.end)
        {
            win.ky.end = win.ky.begin;
        }
        win.x = (origin + win.kx.begin * params->dilation_w) * params->input_c;
        win.x_step = params->dilation_w * params->input_c;

        if (params->ch_mult == 1)
        {
            const int32_t first_tap = taps.begin * params->kernel_w + win.kx.begin;
            const int8_t *filter = params->filter + first_tap * params->input_c;
            for (; params->input_c - input_channel >= 4; input_channel += 4)
            {
                four_channels(params, rows, &win, input_channel, filter + input_channel, &range, output);
                output += 4;
            }
        }
        for (; input_channel < params->input_c; input_channel++)
        {
            for (int32_t i = 0; i < params->ch_mult; i++)
            {
                const int32_t channel = input_channel * params->ch_mult + i;
                *output++ = one_channel(params, rows, &win, input_channel, channel);
            }
        }
    }
}

#endif
