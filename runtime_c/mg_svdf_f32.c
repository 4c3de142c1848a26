/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"
#include "mg_svdf_f32.h"

/* SVDF: the state holds a row of the last values of each feature; it moves on by one value with each call. */
void mg_svdf_f32(const mg_svdf_f32_params *params, const float *input, const float *feature_weights,
                 const float *time_weights, const float *bias, float *state, float *output)
{
    for (int32_t batch = 0; batch < params->batches; batch++)
    {
        const float *features = feature_weights;
        const float *times = time_weights;
        for (int32_t unit = 0; unit < params->units; unit++)
        {
            float sum = bias == NULL ? 0.0f : bias[unit];
            for (int32_t r = 0; r < params->rank; r++)
            {
                float feature = 0.0f;
                for (int32_t i = 0; i < params->depth; i++)
                {
                    feature += input[i] * *features++;
                }
                for (int32_t t = 0; t + 1 < params->steps; t++)
                {
                    state[t] = state[t + 1];
                    sum += *times++ * state[t];
                }
                state[params->steps - 1] = feature;
                sum += *times++ * feature;
                state += params->steps;
            }
            *output++ = mg_clamp_f32(sum, params->low, params->high);
        }
        input += params->depth;
    }
}
