/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_svdf_s8.h"

/* SVDF with an int8 state of any zero point: arm_svdf_s8 besides. */
arm_cmsis_nn_status mg_svdf_s8(
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
    int8_t *output_data,
    int32_t state_zero_point)
{
    (void)state_dims;
    (void)bias_dims;
    (void)output_dims;
    if (!mg_svdf_dims_are_right(svdf_params, input_dims, weights_feature_dims, weights_time_dims))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    mg_svdf_layer_s8(svdf_params, input_quant_params, output_quant_params, input_dims, input_data, state_data,
                     weights_feature_dims, weights_feature_data, weights_time_dims, weights_time_data, bias_data,
                     output_data, state_zero_point);
    return ARM_CMSIS_NN_SUCCESS;
}
