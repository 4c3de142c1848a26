/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_svdf.h"

int32_t arm_svdf_s8_get_buffer_size(const cmsis_nn_dims *filter_dims)
{
    (void)filter_dims;
    return 0;
}

int32_t arm_svdf_s8_get_buffer_size_dsp(const cmsis_nn_dims *filter_dims)
{
    return arm_svdf_s8_get_buffer_size(filter_dims);
}

int32_t arm_svdf_s8_get_buffer_size_mve(const cmsis_nn_dims *filter_dims)
{
    return arm_svdf_s8_get_buffer_size(filter_dims);
}

/*
 * SVDF with an int8 state. The state holds a row of the last values of each feature; it moves on by
 * one value with each call. Neither context is needed.
 */
arm_cmsis_nn_status arm_svdf_s8(
    const cmsis_nn_context *ctx,
    const cmsis_nn_context *input_ctx,
    const cmsis_nn_context *output_ctx,
    const cmsis_nn_svdf_params *svdf_params,
    const cmsis_nn_per_tensor_quant_params *input_quant_params,
    const cmsis_nn_per_tensor_quant_params *output_quant_params,
    const cmsis_nn_dims *input_dims,
    const int8_t *input_data,
    const cmsis_nn_dims *state_dims,
    int8_t *state_data,
    const cmsis_nn_dims *weights_feature_dims,
    const int8_t *weights_feature_data,
    const cmsis_nn_dims *weights_time_dims,
    const int8_t *weights_time_data,
    const cmsis_nn_dims *bias_dims,
    const int32_t *bias_data,
    const cmsis_nn_dims *output_dims,
    int8_t *output_data)
{
    (void)ctx;
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
        const int8_t *feature_weights = weights_feature_data;
        const int8_t *time_weights = weights_time_data;
        for (int32_t unit = 0; unit < units; unit++)
        {
            int32_t sum = bias_data == NULL ? 0 : bias_data[unit];
            for (int32_t r = 0; r < rank; r++)
            {
                for (int32_t t = 0; t + 1 < steps; t++)
                {
                    state_data[t] = state_data[t + 1];
                    sum = mg_wrap_add(sum, time_weights[t] * state_data[t]);
                }
                state_data[steps - 1] = (int8_t)mg_svdf_feature(svdf_params, input_quant_params, input_data,
                                                              feature_weights, size);
                sum = mg_wrap_add(sum, time_weights[steps - 1] * state_data[steps - 1]);
                feature_weights += size;
                time_weights += steps;
                state_data += steps;
            }
            *output_data++ = mg_svdf_output(svdf_params, output_quant_params, sum);
        }
        input_data += size;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
