/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_conv_row_s8.h"
#include "mg_dense_row_s8.h"
#include "mg_mve.h"
#include "mg_range.h"
#include "mg_scratch.h"

/*
 * What one row of the kernel reads at the edge of the image, or with taps apart: the padding is zero points.
 * Without taps it is nothing else, and there is no row.
 */
static int8_t *gather_edge(const mg_conv_row_s8_params *params, const int8_t *row, int32_t origin,
                           mg_range taps, int8_t *to)
{
    const int32_t depth = params->kernel_c;
    const int8_t zero_point = (int8_t)-params->input_offset;
    to = mg_mve_fill(to, zero_point, taps.begin * depth);
    for (int32_t kx = taps.begin; kx < taps.end; kx++)
    {
        to = mg_mve_copy(to, row + (origin + kx * params->dilation_w) * params->input_c, depth);
    }
    return mg_mve_fill(to, zero_point, (params->kernel_w - taps.end) * depth);
}

/* What the kernel reads for one output position: as many bytes as the filter of one channel has. */
static int8_t *gather(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                      int32_t origin, int32_t first_channel, int8_t *to)
{
    const int32_t width = params->kernel_w;
    const bool is_one_piece = params->dilation_w == 1 && params->kernel_c == params->input_c;
    const mg_range none = {0, 0};
    for (int32_t ky = 0; ky < params->kernel_h; ky++)
    {
        if (ky < taps.begin || ky >= taps.end)
        {
            to = gather_edge(params, NULL, origin, none, to);
        }
        else if (is_one_piece && origin >= 0 && origin + width <= params->input_w)
        {
            to = mg_mve_copy(to, rows[ky] + origin * params->input_c, width * params->kernel_c);
        }
        else
        {
            const mg_range columns = mg_clip_taps(origin, params->dilation_w, width, params->input_w);
            to = gather_edge(params, rows[ky] + first_channel, origin, columns, to);
        }
    }
    return to;
}

/*
 * One output row. rows[ky] is the input row that row ky of the kernel reads. Only the kernel's rows `taps`
 * are computed, and only their pointers are read: one that would lie above or below the image may be left
 * out, or point to a row of zero points, with the same result. What a few positions read is gathered and
 * taken for the input of a dense layer; with groups, whose outputs do not lie side by side, one at a time.
 */
void mg_conv_row_s8(const mg_conv_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                    int8_t *restrict output)
{
    const int32_t groups = params->input_c / params->kernel_c;
    const int32_t group_outputs = params->output_c / groups;
    const int32_t filter_size = params->kernel_h * params->kernel_w * params->kernel_c;
    const int32_t block = groups == 1 ? MG_MVE_COLUMNS_BYTES(filter_size) / filter_size : 1;
    int8_t *columns = params->scratch;

    for (int32_t out_x = 0; out_x < params->output_w; out_x += block)
    {
        const int32_t count = mg_min(block, params->output_w - out_x);
        for (int32_t group = 0; group < groups; group++)
        {
            const int32_t channel = group * group_outputs;
            const mg_dense_row_s8_params dense = {
                .input_c = filter_size,
                .output_c = group_outputs,
                .input_offset = params->input_offset,
                .filter_offset = 0,
                .output_offset = params->output_offset,
                .quant_step = 1,
                .activation = params->activation,
                .filter = params->filter + channel * filter_size,
                .bias = params->bias != NULL ? params->bias + channel : NULL,
                .multiplier = params->multiplier + channel,
                .shift = params->shift + channel};
            int8_t *to = columns;
            for (int32_t i = 0; i < count; i++)
            {
                const int32_t origin = (out_x + i) * params->stride_w - params->padding_w;
                to = gather(params, rows, taps, origin, group * params->kernel_c, to);
            }
            mg_dense_row_s8(&dense, columns, count, filter_size, output + channel);
        }
        output += count * params->output_c;
    }
}

#endif
