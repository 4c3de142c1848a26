/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"
#include "mg_pool_f32.h"
#include "mg_range.h"

/* The root of the mean square of a window's positions inside the image. */
void mg_l2_pool_f32(const mg_pool_f32_params *params, const float *input, float *restrict output)
{
    const int32_t channels = params->input.c;
    const int32_t input_row = params->input.w * channels;
    for (int32_t batch = 0; batch < params->input.n; batch++)
    {
        for (int32_t out_y = 0; out_y < params->output.h; out_y++)
        {
            const int32_t top = out_y * params->stride.h - params->padding.h;
            const mg_range rows = mg_clip_taps(top, 1, params->window.h, params->input.h);
            for (int32_t out_x = 0; out_x < params->output.w; out_x++)
            {
                const int32_t left = out_x * params->stride.w - params->padding.w;
                const mg_range columns = mg_clip_taps(left, 1, params->window.w, params->input.w);
                const float count = (float)((rows.end - rows.begin) * (columns.end - columns.begin));
                for (int32_t c = 0; c < channels; c++)
                {
                    float sum = 0.0f;
                    for (int32_t ky = rows.begin; ky < rows.end; ky++)
                    {
                        for (int32_t kx = columns.begin; kx < columns.end; kx++)
                        {
                            const float x = input[(top + ky) * input_row + (left + kx) * channels + c];
                            sum += x * x;
                        }
                    }
                    *output++ = mg_clamp_f32(sqrtf(sum / count), params->low, params->high);
                }
            }
        }
        input += params->input.h * input_row;
    }
}
