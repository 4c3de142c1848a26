/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_conv_row_s16.h"
#include "mg_range.h"

/* `count` zeros; returns what is behind them. */
static int16_t *zeros(int16_t *to, int32_t count)
{
    memset(to, 0, (size_t)count * sizeof *to);
    return to + count;
}

/* `count` values; returns what is behind the copies. */
static int16_t *copies(int16_t *to, const int16_t *from, int32_t count)
{
    memcpy(to, from, (size_t)count * sizeof *to);
    return to + count;
}

/*
 * What one output position reads of the channels from `channel` on, zeros where it lies outside the image; the
 * image itself where that lies in one piece.
 */
static const int16_t *window(const mg_conv_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                             int32_t out_x, int32_t channel)
{
    const int32_t depth = params->kernel_c;
    const int32_t step = params->dilation_w;
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const mg_range columns = mg_clip_taps(origin, step, params->kernel_w, params->input_w);
    const int32_t count = columns.end - columns.begin;
    const bool is_one_run = depth == params->input_c && (step == 1 || count == 1);
    if (is_one_run && params->kernel_h == 1 && count == params->kernel_w && taps.end > taps.begin)
    {
        return rows[0] + origin * depth;
    }
    int16_t *to = zeros(params->patch, taps.begin * params->kernel_w * depth);
    for (int32_t ky = taps.begin; ky < taps.end; ky++)
    {
        to = zeros(to, columns.begin * depth);
        if (count > 0)
        {
            const int16_t *from = rows[ky] + (origin + columns.begin * step) * params->input_c + channel;
            const int32_t runs = is_one_run ? 1 : count;
            for (int32_t run = 0; run < runs; run++)
            {
                to = copies(to, from + run * step * params->input_c, is_one_run ? count * depth : depth);
            }
        }
        to = zeros(to, (params->kernel_w - columns.end) * depth);
    }
    (void)zeros(to, (params->kernel_h - taps.end) * params->kernel_w * depth);
    return params->patch;
}

/*
 * One row of outputs. rows[ky] is the input row that row ky of the kernel reads, for the ky in taps; the others lie
 * outside the image.
 */
void mg_conv_row_s16(const mg_conv_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                     int16_t *output)
{
    const int32_t groups = params->input_c / params->kernel_c;
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        mg_matrix_s16_params matrix = params->matrix;
        for (int32_t group = 0; group < groups; group++)
        {
            mg_matrix_s16(&matrix, window(params, rows, taps, out_x, group * params->kernel_c), output);
            output += matrix.units;
            matrix.weights += matrix.units * matrix.depth;
            matrix.multiplier += matrix.units;
            matrix.shift += matrix.units;
            if (matrix.bias != NULL)
            {
                const size_t size = matrix.narrow != 0 ? sizeof(int32_t) : sizeof(int64_t);
                matrix.bias = (const int8_t *)matrix.bias + (size_t)matrix.units * size;
            }
        }
    }
}
