/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_conv_row_s8.h"
#include "mg_dot_s8.h"
#include "mg_range.h"
#include "mg_support.h"

/* The part of an input row that one output position reads: `runs` pieces of `length` contiguous bytes. */
typedef struct
{
    int32_t x;
    int32_t x_step;
    int32_t w;
    int32_t w_step;
    int32_t runs;
    int32_t length;
} span;

/* Without dilation and groups the taps of a row lie side by side in the input as in the filter. */
static span span_at(const mg_conv_row_s8_params *params, int32_t out_x)
{
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const mg_range taps = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
    const int32_t count = taps.end - taps.begin;
    span s = {0, 0, 0, 0, 0, 0};
    if (count > 0)
    {
        s.x = (origin + taps.begin * params->dilation_w) * params->input_c;
        s.w = taps.begin * params->kernel_c;
        if (params->dilation_w == 1 && params->kernel_c == params->input_c)
        {
            s.runs = 1;
            s.length = count * params->kernel_c;
        }
        else
        {
            s.runs = count;
            s.length = params->kernel_c;
            s.x_step = params->dilation_w * params->input_c;
            s.w_step = params->kernel_c;
        }
    }
    return s;
}

/*
 * One output row. rows[ky] is the input row that row ky of the kernel reads. Only the kernel's rows `taps`
 * are computed, and only their pointers are read: one that would lie above or below the image may be left
 * out, or point to a row of zero points, with the same result.
 */
void mg_conv_row_s8(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                    int8_t *restrict output)
{
    const int32_t output_c = params->output_c;
    const int32_t group_outputs = output_c / (params->input_c / params->kernel_c);
    const int32_t filter_row = params->kernel_w * params->kernel_c;
    const int32_t filter_size = params->kernel_h * filter_row;

    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const span s = span_at(params, out_x);
        const int8_t *filter = params->filter + s.w;
        int32_t x_start = s.x;
        int32_t group_end = group_outputs;
        int32_t channel = 0;
        while (channel < output_c)
        {
            const int32_t count = group_end - channel >= 4 ? 4 : 1;
            uint32_t sums[4] = {0, 0, 0, 0};
            for (int32_t ky = taps.begin; ky < taps.end; ky++)
            {
                const int8_t *x = rows[ky] + x_start;
                const int8_t *w = filter + ky * filter_row;
                for (int32_t run = 0; run < s.runs; run++)
                {
                    if (count == 4)
                    {
                        mg_dot4_s8(sums, x, params->input_offset, w, filter_size, s.length);
                    }
                    else
                    {
                        sums[0] = mg_dot_s8(sums[0], x, params->input_offset, w, s.length);
                    }
                    x += s.x_step;
                    w += s.w_step;
                }
            }
            for (int32_t i = 0; i < count; i++)
            {
                const int32_t bias = params->bias != NULL ? params->bias[channel] : 0;
                *output++ = mg_requantize_s8(mg_wrap_add((int32_t)sums[i], bias), params->multiplier[channel],
                                             params->shift[channel], params->output_offset,
                                             &params->activation);
                channel++;
            }
            filter += count * filter_size;
            if (channel == group_end)
            {
                group_end += group_outputs;
                x_start += params->kernel_c;
            }
        }
    }
}
