/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_fully_connected_s8.h"

int32_t arm_fully_connected_s8_get_buffer_size(const cmsis_nn_dims *filter_dims)
{
    (void)filter_dims;
    return 0;
}

/* Dense layer with one multiplier. filter_dims->n is the number of inputs, output_dims->c of outputs. */
arm_cmsis_nn_status arm_fully_connected_s8(const cmsis_nn_context *ctx, const cmsis_nn_fc_params *fc_params,
                                           const cmsis_nn_per_tensor_quant_params *quant_params,
                                           const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                           const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                           const cmsis_nn_dims *bias_dims, const int32_t *bias_data,
                                           const cmsis_nn_dims *output_dims, int8_t *output_data)
{
    (void)ctx;
    (void)bias_dims;
    if (!mg_fully_connected_dims_are_right(input_dims, filter_dims, output_dims))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    mg_dense_row_s8_params row =
        mg_fully_connected_row(fc_params, filter_dims, filter_data, bias_data, output_dims);
    row.multiplier = &quant_params->multiplier;
    row.shift = &quant_params->shift;
    mg_dense_row_s8(&row, input_data, input_dims->n, filter_dims->n, output_data);
    return ARM_CMSIS_NN_SUCCESS;
}
