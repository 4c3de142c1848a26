/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_DSP && !MG_MVE

#include "mg_conv_row_s8.h"
#include "mg_dot_s8.h"
#include "mg_finish_s8.h"
#include "mg_range.h"
#include "mg_support.h"

/*
 * What one output position reads, the input's offset added and zeros where it lies outside the image: n
 * elements for a kernel's rows `taps`, in the order of the filter. The channels begin at x_start.
 */
static void make_patch(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                       int32_t out_x, int32_t x_start, int16_t *patch)
{
    const int32_t depth = params->kernel_c;
    const int32_t offset = params->input_offset;
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const mg_range columns = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
    const bool is_one_piece = params->dilation_w == 1 && depth == params->input_c;
    const int32_t count = columns.end - columns.begin;
    const int32_t runs = is_one_piece ? 1 : count;
    const int32_t length = is_one_piece ? count * depth : depth;
    const int32_t x_step = params->dilation_w * params->input_c;
    const int32_t x_first = count > 0 ? (origin + columns.begin * params->dilation_w) * params->input_c : 0;
    const int32_t behind = (params->kernel_w - columns.end) * depth;
    for (int32_t ky = taps.begin; ky < taps.end; ky++)
    {
        const int8_t *x = rows[ky] + (x_first + x_start);
        for (int32_t i = columns.begin * depth; i > 0; i--)
        {
            *patch++ = 0;
        }
        for (int32_t run = 0; run < runs; run++)
        {
            for (int32_t i = 0; i < length; i++)
            {
                *patch++ = (int16_t)(x[i] + offset);
            }
            x += x_step;
        }
        for (int32_t i = behind; i > 0; i--)
        {
            *patch++ = 0;
        }
    }
}

static inline uint32_t bias_of(const mg_conv_row_s8_params *params, int32_t channel)
{
    return params->bias != NULL ? (uint32_t)params->bias[channel] : 0u;
}

/* One channel at one position. */
static void one_channel(const mg_conv_row_s8_params *params, int32_t channel, const int16_t *patch,
                        const int8_t *filter, int32_t n, int8_t *output)
{
    const uint32_t sum = mg_dot_s16(bias_of(params, channel), patch, filter, n);
    output[channel] = mg_requantize_s8((int32_t)sum, params->multiplier[channel], params->shift[channel],
                                       params->output_offset, &params->activation);
}

/* Channels begin..end - 1 of one or two neighbouring positions, whose patches of n elements lie side by side. */
static void multiply(const mg_conv_row_s8_params *params, int32_t positions, int32_t n, const int8_t *filter,
                     mg_range channels, int8_t *restrict output)
{
    const mg_output_range range = mg_output_range_of(params->output_offset, &params->activation);
    const int32_t filter_size = params->kernel_h * params->kernel_w * params->kernel_c;
    const int16_t *patches = params->scratch;
    int32_t channel = channels.begin;
    for (; positions == 2 && channels.end - channel >= 2; channel += 2)
    {
        const uint32_t bias0 = bias_of(params, channel);
        const uint32_t bias1 = bias_of(params, channel + 1);
        const int32_t *multiplier = params->multiplier + channel;
        const int32_t *shift = params->shift + channel;
        int8_t *out = output + channel;
        uint32_t sums[4] = {bias0, bias1, bias0, bias1};
        mg_dot2x2_s16(sums, patches, n, filter, filter_size, n);
        mg_finish_2(&range, multiplier[0], shift[0], multiplier[1], shift[1], (int32_t)sums[0],
                    (int32_t)sums[1], out);
        mg_finish_2(&range, multiplier[0], shift[0], multiplier[1], shift[1], (int32_t)sums[2],
                    (int32_t)sums[3], out + params->output_c);
        filter += 2 * filter_size;
    }
    for (; channel < channels.end; channel++)
    {
        one_channel(params, channel, patches, filter, n, output);
        if (positions == 2)
        {
            one_channel(params, channel, patches + n, filter, n, output + params->output_c);
        }
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
    const int32_t n = (taps.end - taps.begin) * filter_row;
    const int32_t group_outputs = params->output_c / (params->input_c / params->kernel_c);
    int16_t *patches = params->scratch;

    for (int32_t out_x = 0; out_x < params->output_w; out_x += 2)
    {
        const int32_t positions = mg_min(2, params->output_w - out_x);
        const int8_t *filter = params->filter + taps.begin * filter_row;
        mg_range channels = {0, group_outputs};
        for (int32_t x_start = 0; x_start < params->input_c; x_start += params->kernel_c)
        {
            for (int32_t i = 0; i < positions; i++)
            {
                make_patch(params, rows, taps, out_x + i, x_start, patches + i * n);
            }
            multiply(params, positions, n, filter, channels, output);
            filter += group_outputs * params->kernel_h * filter_row;
            channels.begin += group_outputs;
            channels.end += group_outputs;
        }
        output += positions * params->output_c;
    }
}

#endif
