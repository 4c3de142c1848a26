/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_matrix_s16.h"

int32_t arm_fully_connected_s16_get_buffer_size(const cmsis_nn_dims *filter_dims)
{
    (void)filter_dims;
    return 0;
}

/* Dense layer with one multiplier. filter_dims->n is the number of inputs, output_dims->c of outputs. */
arm_cmsis_nn_status arm_fully_connected_s16(const cmsis_nn_context *ctx, const cmsis_nn_fc_params *fc_params,
                                            const cmsis_nn_per_tensor_quant_params *quant_params,
                                            const cmsis_nn_dims *input_dims, const int16_t *input_data,
                                            const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                            const cmsis_nn_dims *bias_dims, const int64_t *bias_data,
                                            const cmsis_nn_dims *output_dims, int16_t *output_data)
{
    (void)ctx;
    (void)bias_dims;
    if (input_dims->n < 1 || filter_dims->n < 1 || output_dims->c < 1)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const mg_matrix_s16_params matrix = {.depth = filter_dims->n,
                                         .units = output_dims->c,
                                         .output_step = output_dims->c,
                                         .quant_step = 0,
                                         .narrow = 0,
                                         .activation = fc_params->activation,
                                         .weights = filter_data,
                                         .bias = bias_data,
                                         .multiplier = &quant_params->multiplier,
                                         .shift = &quant_params->shift};
    mg_matrix_s16(&matrix, input_data, input_dims->n, matrix.depth, output_data);
    return ARM_CMSIS_NN_SUCCESS;
}
