/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_depthwise_row_s8.h"
#include "mg_range.h"
#include "wide.h"

/* What one tap adds to the sums of `count` channels. The products of an int8 and a number below 512 fit. */
static inline void add_tap(const int8_t *restrict x, int32_t offset, const int8_t *restrict w, int32_t count,
                           uint32_t *restrict sums)
{
    for (int32_t i = 0; i < count; i++)
    {
        sums[i] += (uint32_t)((x[i] + offset) * w[i]);
    }
}

/* The same of a channel multiplier above 1: output channel i reads input channel i / multiplier. */
static inline void add_spread_tap(const int8_t *x, int32_t offset, int32_t multiplier, int32_t first,
                                  const int8_t *restrict w, int32_t count, uint32_t *restrict sums)
{
    int32_t i = 0;
    while (i < count)
    {
        const int32_t channel = first + i;
        const int32_t end = mg_min(count, i + multiplier - channel % multiplier);
        const int32_t value = x[channel / multiplier] + offset;
        for (; i < end; i++)
        {
            sums[i] += (uint32_t)(value * w[i]);
        }
    }
}

/* One output row, as the kernel of the same name in plain C computes it: a block of channels at a time. */
void mg_depthwise_row_s8(const mg_depthwise_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                         int8_t *restrict output)
{
    const int32_t output_c = params->input_c * params->ch_mult;
    const wide_output to = wide_output_of(params->multiplier, params->shift, 1, output_c, params->output_offset,
                                          &params->activation);
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const int32_t origin = out_x * params->stride_w - params->padding_w;
        const mg_range columns = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
        for (int32_t channel = 0; channel < output_c; channel += WIDE_BLOCK)
        {
            const int32_t count = mg_min(WIDE_BLOCK, output_c - channel);
            uint32_t sums[WIDE_BLOCK];
            for (int32_t i = 0; i < count; i++)
            {
                sums[i] = params->bias != NULL ? (uint32_t)params->bias[channel + i] : 0u;
            }
            for (int32_t ky = taps.begin; ky < taps.end; ky++)
            {
                for (int32_t kx = columns.begin; kx < columns.end; kx++)
                {
                    const int8_t *x = rows[ky] + (origin + kx * params->dilation_w) * params->input_c;
                    const int8_t *w = params->filter + ((ky * params->kernel_w + kx) * output_c + channel);
                    if (params->ch_mult != 1)
                    {
                        add_spread_tap(x, params->input_offset, params->ch_mult, channel, w, count, sums);
                    }
                    else if (count == WIDE_BLOCK)
                    {
                        add_tap(x + channel, params->input_offset, w, WIDE_BLOCK, sums);
                    }
                    else
                    {
                        add_tap(x + channel, params->input_offset, w, count, sums);
                    }
                }
            }
            wide_finish(&to, channel, count, sums, output + channel);
        }
        output += output_c;
    }
}
