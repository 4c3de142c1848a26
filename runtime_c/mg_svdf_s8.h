/* SPDX-License-Identifier: Apache-2.0 */
/* SVDF with an int8 state, whatever its zero point. */
#ifndef MG_SVDF_S8_H
#define MG_SVDF_S8_H

#include "mg_svdf.h"

/*
 * A layer whose sizes are right. A value is clamped to int8, then the zero point of the state is added to it in eight
 * bits; where the sum counts, the zero point is subtracted in 32.
 */
static inline void mg_svdf_layer_s8(const cmsis_nn_svdf_params *params,
                                    const cmsis_nn_per_tensor_quant_params *input_quant,
                                    const cmsis_nn_per_tensor_quant_params *output_quant,
                                    const cmsis_nn_dims *input_dims, const int8_t *input, int8_t *state,
                                    const cmsis_nn_dims *feature_dims, const int8_t *features,
                                    const cmsis_nn_dims *time_dims, const int8_t *times, const int32_t *bias,
                                    int8_t *output, int32_t zero_point)
{
    const int32_t size = input_dims->h;
    const int32_t steps = time_dims->h;
    const int32_t units = feature_dims->n / params->rank;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        mg_svdf_ahead ahead = {{0, 0, 0, 0}, 0, 0};
        int32_t left = units * params->rank;
        const int8_t *feature_weights = features;
        const int8_t *time_weights = times;
        for (int32_t unit = 0; unit < units; unit++)
        {
            int32_t sum = bias == NULL ? 0 : bias[unit];
            for (int32_t r = 0; r < params->rank; r++)
            {
                if (ahead.next == ahead.end)
                {
                    const int32_t count = mg_min(left, 4);
                    mg_svdf_look_ahead(&ahead, params, input_quant, input, feature_weights, size, count);
                    feature_weights += count * size;
                    left -= count;
                }
                for (int32_t t = 0; t + 1 < steps; t++)
                {
                    state[t] = state[t + 1];
                    sum = mg_wrap_add(sum, time_weights[t] * (state[t] - zero_point));
                }
                state[steps - 1] = (int8_t)(zero_point + ahead.values[ahead.next++]);
                sum = mg_wrap_add(sum, time_weights[steps - 1] * (state[steps - 1] - zero_point));
                time_weights += steps;
                state += steps;
            }
            *output++ = mg_svdf_output(params, output_quant, sum);
        }
        input += size;
    }
}

#endif
