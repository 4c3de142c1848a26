/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_svdf.h"

/*
 * SVDF with an int16 state. The state holds a row of the last values of each feature; it moves on by
 * one value with each call. Neither context is needed.
 */
arm_cmsis_nn_status arm_svdf_state_s16_s8(
    const cmsis_nn_context *input_ctx,
    const cmsis_nn_context *output_ctx,
    const cmsis_nn_svdf_params *svdf_params,
    const cmsis_nn_per_tensor_quant_params *input_quant_params,
    const cmsis_nn_per_tensor_quant_params *output_quant_params,
    const cmsis_nn_dims *input_dims,
    const int8_t *input_data,
    const cmsis_nn_dims *state_dims,
    int16_t *state_data,
    const cmsis_nn_dims *weights_feature_dims,
    const int8_t *weights_feature_data,
    const cmsis_nn_dims *weights_time_dims,
    const int16_t *weights_time_data,
    const cmsis_nn_dims *bias_dims,
    const int32_t *bias_data,
    const cmsis_nn_dims *output_dims,
    int8_t *output_data)
{
    (void)input_ctx;
    (void)output_ctx;
    (void)state_dims;
    (void)bias_dims;
    (void)output_dims;
    if (!mg_svdf_dims_are_right(svdf_params, input_dims, weights_feature_dims, weights_time_dims))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t size = input_dims->h;
    const int32_t steps = weights_time_dims->h;
    const int32_t rank = svdf_params->rank;
    const int32_t units = weights_feature_dims->n / rank;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        mg_svdf_ahead ahead = {{0, 0, 0, 0}, 0, 0};
        int32_t left = units * rank;
        const int8_t *feature_weights = weights_feature_data;
        const int16_t *time_weights = weights_time_data;
        for (int32_t unit = 0; unit < units; unit++)
        {
            int32_t sum = bias_data == NULL ? 0 : bias_data[unit];
            for (int32_t r = 0; r < rank; r++)
            {
                if (ahead.next == ahead.end)
                {
                    const int32_t count = mg_min(left, 4);
                    mg_svdf_look_ahead(&ahead, svdf_params, input_quant_params, input_data, feature_weights, size, count);
                    feature_weights += count * size;
                    left -= count;
                }
                for (int32_t t = 0; t + 1 < steps; t++)
                {
                    state_data[t] = state_data[t + 1];
                    sum = mg_wrap_add(sum, time_weights[t] * state_data[t]);
                }
                state_data[steps - 1] = (int16_t)ahead.values[ahead.next++];
                sum = mg_wrap_add(sum, time_weights[steps - 1] * state_data[steps - 1]);
                time_weights += steps;
                state_data += steps;
            }
            *output_data++ = mg_svdf_output(svdf_params, output_quant_params, sum);
        }
        input_data += size;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
