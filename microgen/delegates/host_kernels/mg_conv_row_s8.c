/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_conv_row_s8.h"
#include "mg_range.h"
#include "wide.h"

/* What one output position reads of a group's channels, zeros where it lies outside the image, in the filter's order. */
static void make_patch(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps, int32_t out_x,
                       int32_t x_start, int16_t *restrict patch)
{
    const int32_t depth = params->kernel_c;
    const int32_t offset = params->input_offset;
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const mg_range columns = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
    const bool is_one_piece = params->dilation_w == 1 && depth == params->input_c;
    const int32_t length = is_one_piece ? (columns.end - columns.begin) * depth : depth;
    const int32_t row_elements = params->kernel_w * depth;
    if (columns.end - columns.begin < params->kernel_w)
    {
        memset(patch, 0, (size_t)((taps.end - taps.begin) * row_elements) * sizeof *patch);
    }
    for (int32_t ky = taps.begin; ky < taps.end; ky++)
    {
        for (int32_t kx = columns.begin; kx < (is_one_piece ? mg_min(columns.begin + 1, columns.end) : columns.end);
             kx++)
        {
            const int8_t *restrict x = rows[ky] + ((origin + kx * params->dilation_w) * params->input_c + x_start);
            int16_t *restrict to = patch + kx * depth;
            for (int32_t i = 0; i < length; i++)
            {
                to[i] = (int16_t)(x[i] + offset);
            }
        }
        patch += row_elements;
    }
}

/* One output row, as the kernel of the same name in plain C computes it: two positions and a block of channels. */
void mg_conv_row_s8(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                    int8_t *restrict output)
{
    const int32_t filter_row = params->kernel_w * params->kernel_c;
    const int32_t filter_size = params->kernel_h * filter_row;
    const int32_t n = (taps.end - taps.begin) * filter_row;
    const int32_t group_outputs = params->output_c / (params->input_c / params->kernel_c);
    const wide_output to = wide_output_of(params->multiplier, params->shift, 1, params->output_c,
                                          params->output_offset, &params->activation);
    int16_t *patches = params->scratch;
    for (int32_t out_x = 0; out_x < params->output_w; out_x += 2)
    {
        const int32_t positions = mg_min(2, params->output_w - out_x);
        for (int32_t group = 0; group * group_outputs < params->output_c; group++)
        {
            for (int32_t i = 0; i < positions; i++)
            {
                make_patch(params, rows, taps, out_x + i, group * params->kernel_c, patches + i * n);
            }
            for (int32_t done = 0; done < group_outputs; done += WIDE_BLOCK)
            {
                const int32_t block = mg_min(WIDE_BLOCK, group_outputs - done);
                const int32_t channel = group * group_outputs + done;
                uint32_t sums[2 * WIDE_BLOCK];
                for (int32_t i = 0; i < block; i++)
                {
                    sums[i] = params->bias != NULL ? (uint32_t)params->bias[channel + i] : 0u;
                    sums[WIDE_BLOCK + i] = sums[i];
                }
                const int8_t *filter = params->filter + channel * filter_size + taps.begin * filter_row;
                for (int32_t start = 0; start < n; start += WIDE_PIECE)
                {
                    wide_products(patches + start, n, positions, filter + start, filter_size,
                                  mg_min(WIDE_PIECE, n - start), block, sums);
                }
                for (int32_t i = 0; i < positions; i++)
                {
                    wide_finish(&to, channel, block, sums + i * WIDE_BLOCK, output + i * params->output_c + channel);
                }
            }
        }
        output += positions * params->output_c;
    }
}
