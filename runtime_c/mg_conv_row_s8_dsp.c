/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_conv_row_s8.h"
#include "mg_finish_s8.h"
#include "mg_dsp_patch.h"
#include "mg_range.h"
#include "mg_support.h"

/*
 * How one row of the kernel lies in an input row: `before` bytes of padding, `runs` pieces of `length` bytes,
 * `behind` bytes of padding.
 */
typedef struct
{
    int32_t before;
    int32_t runs;
    int32_t length;
    int32_t behind;
    int32_t start;
    int32_t step;
} span;

static span span_at(const mg_conv_row_s8_params *params, int32_t out_x)
{
    const int32_t depth = params->kernel_c;
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const mg_range taps = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
    const int32_t count = taps.end - taps.begin;
    const bool is_one_piece = params->dilation_w == 1 && depth == params->input_c;
    const span s = {.before = taps.begin * depth,
                    .runs = is_one_piece ? (count > 0 ? 1 : 0) : count,
                    .length = is_one_piece ? count * depth : depth,
                    .behind = (params->kernel_w - taps.end) * depth,
                    .start = (origin + taps.begin * params->dilation_w) * params->input_c,
                    .step = params->dilation_w * params->input_c};
    return s;
}

static uint32_t *zeros(uint32_t *patch, int32_t step, int32_t bytes)
{
    for (; bytes > 0; bytes -= 4)
    {
        patch[0] = 0;
        patch[1] = 0;
        patch += step;
    }
    return patch;
}

/* Every piece is a multiple of four bytes: each is widened from where it lies. */
static void widen_pieces(const mg_conv_row_s8_params *params, const span *s, const int8_t *const *rows,
                         mg_range taps, int32_t group, uint32_t *patch, int32_t step)
{
    const uint32_t offset = mg_dsp_both(params->input_offset);
    for (int32_t ky = taps.begin; ky < taps.end; ky++)
    {
        const int8_t *x = rows[ky] + (s->start + group);
        patch = zeros(patch, step, s->before);
        for (int32_t run = 0; run < s->runs; run++)
        {
            patch = mg_dsp_widen(patch, step, x, s->length, offset);
            x += s->step;
        }
        patch = zeros(patch, step, s->behind);
    }
}

static int8_t *fill(int8_t *to, int8_t value, int32_t count)
{
    for (; count > 0; count--)
    {
        *to++ = value;
    }
    return to;
}

static int8_t *copy(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= 4; count -= 4)
    {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    for (; count > 0; count--)
    {
        *to++ = *from++;
    }
    return to;
}

/* Any pieces: their bytes are gathered first, then widened together. */
static void gather_and_widen(const mg_conv_row_s8_params *params, const span *s, const int8_t *const *rows,
                             mg_range taps, int32_t group, uint32_t *patch, int32_t step)
{
    const int32_t n = params->kernel_h * params->kernel_w * params->kernel_c;
    const int8_t zero_point = (int8_t)-params->input_offset;
    int8_t *gathered = (int8_t *)params->scratch + (n + 3) / 4 * (4 * (int32_t)sizeof(uint32_t));
    int8_t *to = gathered;
    for (int32_t ky = taps.begin; ky < taps.end; ky++)
    {
        const int8_t *x = rows[ky] + (s->start + group);
        to = fill(to, zero_point, s->before);
        for (int32_t run = 0; run < s->runs; run++)
        {
            to = copy(to, x, s->length);
            x += s->step;
        }
        to = fill(to, zero_point, s->behind);
    }
    const int32_t count = (int32_t)(to - gathered);
    fill(to, zero_point, -count & 3);
    mg_dsp_widen(patch, step, gathered, count + (-count & 3), mg_dsp_both(params->input_offset));
}

static void make_patch(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                       int32_t out_x, int32_t group, uint32_t *patch, int32_t step)
{
    const span s = span_at(params, out_x);
    if ((s.before | s.length | s.behind) % 4 == 0)
    {
        widen_pieces(params, &s, rows, taps, group, patch, step);
    }
    else
    {
        gather_and_widen(params, &s, rows, taps, group, patch, step);
    }
}

/* One channel at one position. */
static void one_channel(const mg_conv_row_s8_params *params, int32_t channel, const uint32_t *patch,
                        int32_t step, const int8_t *filter, int32_t n, int8_t *output)
{
    const int32_t bias = params->bias != NULL ? params->bias[channel] : 0;
    const int32_t sum = mg_dsp_dot_1x1(bias, patch, step, filter, n);
    output[channel] = mg_requantize_s8(sum, params->multiplier[channel], params->shift[channel],
                                       params->output_offset, &params->activation);
}

/* Channels begin..end - 1 of two neighbouring positions, whose patches have n elements. */
static void multiply_pair(const mg_conv_row_s8_params *params, int32_t n, const int8_t *filter,
                          int32_t filter_size, mg_range channels, int8_t *restrict output)
{
    const mg_output_range range = mg_output_range_of(params->output_offset, &params->activation);
    const uint32_t *patches = params->scratch;
    int32_t channel = channels.begin;
    for (; channels.end - channel >= 2; channel += 2)
    {
        const int32_t bias0 = params->bias != NULL ? params->bias[channel] : 0;
        const int32_t bias1 = params->bias != NULL ? params->bias[channel + 1] : 0;
        mg_dsp_sums sums = {bias0, bias0, bias1, bias1};
        mg_dsp_dot_2x2(&sums, patches, filter, filter + filter_size, n);
        const int32_t *multiplier = params->multiplier + channel;
        const int32_t *shift = params->shift + channel;
        int8_t *out = output + channel;
        mg_finish_2(&range, multiplier[0], shift[0], multiplier[1], shift[1], sums.sum00, sums.sum10, out);
        out += params->output_c;
        mg_finish_2(&range, multiplier[0], shift[0], multiplier[1], shift[1], sums.sum01, sums.sum11, out);
        filter += 2 * filter_size;
    }
    if (channel < channels.end)
    {
        one_channel(params, channel, patches, MG_DSP_PAIR, filter, n, output);
        one_channel(params, channel, patches + MG_DSP_SINGLE, MG_DSP_PAIR, filter, n,
                    output + params->output_c);
    }
}

/* The same of one position. */
static void multiply_single(const mg_conv_row_s8_params *params, int32_t n, const int8_t *filter,
                            int32_t filter_size, mg_range channels, int8_t *restrict output)
{
    for (int32_t channel = channels.begin; channel < channels.end; channel++)
    {
        one_channel(params, channel, params->scratch, MG_DSP_SINGLE, filter, n, output);
        filter += filter_size;
    }
}

/*
 * One output row. rows[ky] is the input row that row ky of the kernel reads. Only the kernel's rows `taps`
 * are computed, and only their pointers are read: one that would lie above or below the image may be left
 * out, or point to a row of zero points, with the same result.
 */
void mg_conv_row_s8(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                    int8_t *restrict output)
{
    const int32_t filter_row = params->kernel_w * params->kernel_c;
    const int32_t filter_size = params->kernel_h * filter_row;
    const int32_t n = (taps.end - taps.begin) * filter_row;
    const int32_t group_outputs = params->output_c / (params->input_c / params->kernel_c);
    uint32_t *patch = params->scratch;

    for (int32_t out_x = 0; out_x < params->output_w; out_x += 2)
    {
        const bool is_pair = params->output_w - out_x >= 2;
        const int8_t *filter = params->filter + taps.begin * filter_row;
        mg_range channels = {0, group_outputs};
        for (int32_t x_start = 0; x_start < params->input_c; x_start += params->kernel_c)
        {
            if (is_pair)
            {
                make_patch(params, rows, taps, out_x, x_start, patch, MG_DSP_PAIR);
                make_patch(params, rows, taps, out_x + 1, x_start, patch + MG_DSP_SINGLE, MG_DSP_PAIR);
                multiply_pair(params, n, filter, filter_size, channels, output);
            }
            else
            {
                make_patch(params, rows, taps, out_x, x_start, patch, MG_DSP_SINGLE);
                multiply_single(params, n, filter, filter_size, channels, output);
            }
            filter += group_outputs * filter_size;
            channels.begin += group_outputs;
            channels.end += group_outputs;
        }
        output += 2 * params->output_c;
    }
}

#endif
