/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_MVE

#include "mg_max_pool_row_s8.h"
#include "mg_range.h"

/*
 * Raises an output row to the maxima of one input row's windows. The output row starts at INT8_MIN and is
 * fed the rows of its window one at a time, in any order.
 */
void mg_max_pool_row_s8(const mg_max_pool_row_s8_params *params, const int8_t *input, int8_t *restrict output)
{
    const int32_t channels = params->channels;
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const int32_t origin = out_x * params->stride_w - params->padding_w;
        const mg_range taps = mg_clip_taps(origin, 1, params->kernel_w, params->input_w);
        for (int32_t kx = taps.begin; kx < taps.end; kx++)
        {
            const int8_t *x = input + (origin + kx) * channels;
            for (int32_t c = 0; c < channels; c++)
            {
                output[c] = x[c] > output[c] ? x[c] : output[c];
            }
        }
        output += channels;
    }
}

#endif
