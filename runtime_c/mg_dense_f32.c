/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_dense_f32.h"
#include "mg_dot_f32.h"
#include "mg_float.h"

/* A dense layer of float tensors. The weights are [units][depth]; bias may be NULL. */
void mg_dense_f32(const mg_dense_f32_params *params, const float *input, const float *weights, const float *bias,
                  float *restrict output)
{
    const int32_t depth = params->depth;
    const int32_t units = params->units;
    int32_t count;
    for (int32_t row = 0; row < params->rows; row += count)
    {
        const float *w = weights;
        int32_t unit = 0;
        count = row + 1 < params->rows ? 2 : 1;
        for (; unit + 4 <= units; unit += 4)
        {
            float sums[8];
            for (int32_t i = 0; i < 4; i++)
            {
                sums[i] = bias != NULL ? bias[unit + i] : 0.0f;
                sums[4 + i] = sums[i];
            }
            if (count == 2)
            {
                mg_dot_4x2_f32(input, depth, w, depth, depth, sums);
            }
            else
            {
                mg_dot_4_f32(input, w, depth, depth, sums);
            }
            for (int32_t i = 0; i < 4 * count; i++)
            {
                output[i / 4 * units + unit + i % 4] = mg_clamp_f32(sums[i], params->low, params->high);
            }
            w += 4 * depth;
        }
        for (; unit < units; unit++)
        {
            const float start = bias != NULL ? bias[unit] : 0.0f;
            for (int32_t i = 0; i < count; i++)
            {
                const float sum = mg_dot_f32(input + i * depth, w, depth, start);
                output[i * units + unit] = mg_clamp_f32(sum, params->low, params->high);
            }
            w += depth;
        }
        input += count * depth;
        output += count * units;
    }
}
