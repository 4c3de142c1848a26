/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"
#include "mg_pool_f32.h"
#include "mg_range.h"

/* Maximum pooling of float tensors. */
void mg_max_pool_f32(const mg_pool_f32_params *params, const float *input, float *restrict output)
{
    const int32_t input_row = params->input.w * params->input.c;
    const int32_t output_row = params->output.w * params->input.c;
    for (int32_t batch = 0; batch < params->input.n; batch++)
    {
        for (int32_t out_y = 0; out_y < params->output.h; out_y++)
        {
            const int32_t origin = out_y * params->stride.h - params->padding.h;
            const mg_range rows = mg_clip_taps(origin, 1, params->window.h, params->input.h);
            for (int32_t i = 0; i < output_row; i++)
            {
                output[i] = -INFINITY;
            }
            for (int32_t ky = rows.begin; ky < rows.end; ky++)
            {
                mg_max_pool_row_f32(params, input + (origin + ky) * input_row, output);
            }
            for (int32_t i = 0; i < output_row; i++)
            {
                output[i] = mg_clamp_f32(output[i], params->low, params->high);
            }
            output += output_row;
        }
        input += params->input.h * input_row;
    }
}
