/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_DSP

#include "mg_gather_s16.h"
#include "mg_scratch.h"

/*
 * One row of outputs. rows[ky] is the input row that row ky of the kernel reads, for the ky in taps; the others lie
 * outside the image. Positions that read the image as it lies are multiplied at once, of others a few are gathered.
 */
void mg_conv_row_s16(const mg_conv_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                     int16_t *output)
{
    const int32_t groups = params->input_c / params->kernel_c;
    const int32_t depth = params->matrix.depth;
    int32_t count;
    for (int32_t out_x = 0; out_x < params->output_w; out_x += count)
    {
        mg_matrix_s16_params matrix = params->matrix;
        int16_t *out = output + out_x * params->output_c;
        count = mg_positions_inside(params, taps, out_x);
        if (count > 0)
        {
            const int32_t step = params->stride_w * params->input_c;
            mg_matrix_s16(&matrix, rows[0] + (out_x * step - params->padding_w * params->input_c), count, step, out);
            continue;
        }
        count = mg_min(MG_CONVOLVE_S16_POSITIONS, params->output_w - out_x);
        for (int32_t group = 0; group < groups; group++)
        {
            for (int32_t i = 0; i < count; i++)
            {
                mg_gather_s16(params, rows, taps, out_x + i, group * params->kernel_c, params->patch + i * depth);
            }
            mg_matrix_s16(&matrix, params->patch, count, depth, out);
            mg_next_group_s16(&matrix);
            out += matrix.units;
        }
    }
}

#endif
