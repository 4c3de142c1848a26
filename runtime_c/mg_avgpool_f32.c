/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"
#include "mg_pool_f32.h"
#include "mg_range.h"

/* Average pooling of float tensors: the mean of a window's positions inside the image. */
void mg_avgpool_f32(const mg_pool_f32_params *params, const float *input, float *restrict output)
{
    const int32_t channels = params->input.c;
    const int32_t input_row = params->input.w * channels;
    const int32_t output_row = params->output.w * channels;
    for (int32_t batch = 0; batch < params->input.n; batch++)
    {
        for (int32_t out_y = 0; out_y < params->output.h; out_y++)
        {
            const int32_t origin = out_y * params->stride.h - params->padding.h;
            const mg_range rows = mg_clip_taps(origin, 1, params->window.h, params->input.h);
            for (int32_t i = 0; i < output_row; i++)
            {
                output[i] = 0.0f;
            }
            for (int32_t ky = rows.begin; ky < rows.end; ky++)
            {
                mg_avgpool_row_f32(params, input + (origin + ky) * input_row, output);
            }
            for (int32_t out_x = 0; out_x < params->output.w; out_x++)
            {
                const int32_t start = out_x * params->stride.w - params->padding.w;
                const mg_range columns = mg_clip_taps(start, 1, params->window.w, params->input.w);
                const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
                for (int32_t c = 0; c < channels; c++)
                {
                    output[c] = mg_clamp_f32(output[c] / (float)count, params->low, params->high);
                }
                output += channels;
            }
        }
        input += params->input.h * input_row;
    }
}
