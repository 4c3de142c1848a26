/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_conv_f32.h"
#include "mg_dot_f32.h"
#include "mg_float.h"
#include "mg_range.h"
#include "mg_support.h"

/* What one or two neighbouring output positions read: the same taps, the second x_step elements further. */
typedef struct
{
    const float *const *rows;
    mg_range ky;
    mg_range kx;
    int32_t x;      /* of the first tap in a row */
    int32_t x_step; /* between the positions */
    int32_t runs;   /* pieces of a row that are contiguous in input and filter */
    int32_t run;    /* elements of each */
    int32_t run_step;
} window;

static window make_window(const mg_conv_f32_params *params, const float *const *rows, mg_range ky, int32_t out_x,
                          mg_range kx, int32_t channel)
{
    const int32_t depth = params->filter.c;
    const int32_t count = kx.end - kx.begin;
    const bool is_one_piece = params->dilation.w == 1 && depth == params->input.c;
    const int32_t origin = out_x * params->stride.w - params->padding.w;
    const window made = {
        .rows = rows,
        .ky = ky,
        .kx = kx,
        .x = count > 0 ? (origin + kx.begin * params->dilation.w) * params->input.c + channel : 0,
        .x_step = params->stride.w * params->input.c,
        .runs = is_one_piece && count > 0 ? 1 : count,
        .run = is_one_piece ? count * depth : depth,
        .run_step = params->dilation.w * params->input.c,
    };
    return made;
}

static float bias_of(const float *bias, int32_t channel)
{
    return bias != NULL ? bias[channel] : 0.0f;
}

/* Four output channels, whose filters begin at w, at one or two positions. */
static void four_channels(const mg_conv_f32_params *params, const window *win, int32_t positions, const float *w,
                          const float *bias, int32_t channel, float *output)
{
    const int32_t filter_row = params->filter.w * params->filter.c;
    const int32_t filter_size = params->filter.h * filter_row;
    float sums[8];
    for (int32_t i = 0; i < 4; i++)
    {
        sums[i] = bias_of(bias, channel + i);
        sums[4 + i] = sums[i];
    }
    for (int32_t ky = win->ky.begin; ky < win->ky.end; ky++)
    {
        const float *x = win->rows[ky] + win->x;
        const float *taps = w + ky * filter_row + win->kx.begin * params->filter.c;
        for (int32_t run = 0; run < win->runs; run++)
        {
            if (positions == 2)
            {
                mg_dot_4x2_f32(x, win->x_step, taps, filter_size, win->run, sums);
            }
            else
            {
                mg_dot_4_f32(x, taps, filter_size, win->run, sums);
            }
            x += win->run_step;
            taps += win->run;
        }
    }
    for (int32_t p = 0; p < positions; p++)
    {
        float *result = output + p * params->output.c + channel;
        for (int32_t i = 0; i < 4; i++)
        {
            result[i] = mg_clamp_f32(sums[4 * p + i], params->low, params->high);
        }
    }
}

/* One output channel at one position. */
static float one_channel(const mg_conv_f32_params *params, const window *win, int32_t position, const float *w,
                         float sum)
{
    const int32_t filter_row = params->filter.w * params->filter.c;
    for (int32_t ky = win->ky.begin; ky < win->ky.end; ky++)
    {
        const float *x = win->rows[ky] + (win->x + position * win->x_step);
        const float *taps = w + ky * filter_row + win->kx.begin * params->filter.c;
        for (int32_t run = 0; run < win->runs; run++)
        {
            sum = mg_dot_f32(x, taps, win->run, sum);
            x += win->run_step;
            taps += win->run;
        }
    }
    return mg_clamp_f32(sum, params->low, params->high);
}

/*
 * One output row of a convolution. rows[ky] is the input row that row ky of the filter reads; only the filter's
 * rows `taps` are computed and only their pointers are read. bias may be NULL.
 */
void mg_conv_row_f32(const mg_conv_f32_params *params, const float *const *rows, mg_range taps, const float *filter,
                     const float *bias, float *restrict output)
{
    const int32_t width = params->filter.w;
    const int32_t filter_size = params->filter.h * width * params->filter.c;
    const int32_t group_outputs = params->output.c / (params->input.c / params->filter.c);
    int32_t positions;
    for (int32_t out_x = 0; out_x < params->output.w; out_x += positions)
    {
        const int32_t origin = out_x * params->stride.w - params->padding.w;
        const mg_range kx = mg_clip_taps(origin, params->dilation.w, width, params->input.w);
        const mg_range next = mg_clip_taps(origin + params->stride.w, params->dilation.w, width, params->input.w);
        const bool is_pair = out_x + 1 < params->output.w && kx.begin == next.begin && kx.end == next.end;
        int32_t channel = 0;
        positions = is_pair ? 2 : 1;
        for (int32_t first = 0; first < params->input.c; first += params->filter.c)
        {
            const window win = make_window(params, rows, taps, out_x, kx, first);
            const int32_t end = channel + group_outputs;
            for (; channel + 4 <= end; channel += 4)
            {
                four_channels(params, &win, positions, filter + channel * filter_size, bias, channel, output);
            }
            for (; channel < end; channel++)
            {
                for (int32_t p = 0; p < positions; p++)
                {
                    output[p * params->output.c + channel] =
                        one_channel(params, &win, p, filter + channel * filter_size, bias_of(bias, channel));
                }
            }
        }
        output += positions * params->output.c;
    }
}
