/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_pool_f32.h"
#include "mg_range.h"

/*
 * Adds one input row's windows to an output row of sums, which starts at 0 and is fed the rows of its window one at
 * a time.
 */
void mg_avgpool_row_f32(const mg_pool_f32_params *params, const float *input, float *restrict output)
{
    const int32_t channels = params->input.c;
    for (int32_t out_x = 0; out_x < params->output.w; out_x++)
    {
        const int32_t origin = out_x * params->stride.w - params->padding.w;
        const mg_range taps = mg_clip_taps(origin, 1, params->window.w, params->input.w);
        for (int32_t kx = taps.begin; kx < taps.end; kx++)
        {
            const float *x = input + (origin + kx) * channels;
            for (int32_t c = 0; c < channels; c++)
            {
                output[c] += x[c];
            }
        }
        output += channels;
    }
}
