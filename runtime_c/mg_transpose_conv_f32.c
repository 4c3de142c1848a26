/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_dot_f32.h"
#include "mg_float.h"
#include "mg_reach.h"
#include "mg_transpose_conv_f32.h"

/* Adds to `count`, 4 or 1, sums of neighbouring output channels what reaches a position; filter is the first one's. */
static void gather(const mg_transpose_conv_f32_params *params, mg_reach rows, mg_reach columns, const float *image,
                   const float *filter, int32_t count, float *sums)
{
    const int32_t depth = params->input.c;
    const int32_t filter_size = params->filter.h * params->filter.w * depth;
    for (int32_t i = 0; i < rows.count; i++)
    {
        const float *x = image + ((rows.first + i) * params->input.w + columns.first) * depth;
        const float *w = filter + ((rows.tap - i * params->stride.h) * params->filter.w + columns.tap) * depth;
        for (int32_t j = 0; j < columns.count; j++)
        {
            if (count == 4)
            {
                mg_dot_4_f32(x + j * depth, w - j * params->stride.w * depth, filter_size, depth, sums);
            }
            else
            {
                sums[0] = mg_dot_f32(x + j * depth, w - j * params->stride.w * depth, depth, sums[0]);
            }
        }
    }
}

/* Every output is gathered from the pixels that reach it; bias may be NULL. */
void mg_transpose_conv_f32(const mg_transpose_conv_f32_params *params, const float *input, const float *filter,
                           const float *bias, float *restrict output)
{
    const int32_t channels = params->output.c;
    const int32_t filter_size = params->filter.h * params->filter.w * params->input.c;
    for (int32_t batch = 0; batch < params->input.n; batch++)
    {
        for (int32_t y = 0; y < params->output.h; y++)
        {
            const mg_reach rows =
                mg_reach_of(y, params->padding.h, params->stride.h, params->filter.h, params->input.h);
            for (int32_t x = 0; x < params->output.w; x++)
            {
                const mg_reach columns =
                    mg_reach_of(x, params->padding.w, params->stride.w, params->filter.w, params->input.w);
                int32_t count;
                for (int32_t c = 0; c < channels; c += count)
                {
                    float sums[4];
                    count = c + 4 <= channels ? 4 : 1;
                    for (int32_t i = 0; i < count; i++)
                    {
                        sums[i] = bias != NULL ? bias[c + i] : 0.0f;
                    }
                    gather(params, rows, columns, input, filter + c * filter_size, count, sums);
                    for (int32_t i = 0; i < count; i++)
                    {
                        *output++ = mg_clamp_f32(sums[i], params->low, params->high);
                    }
                }
            }
        }
        input += params->input.h * params->input.w * params->input.c;
    }
}
