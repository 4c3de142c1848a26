/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_matrix_s16.h"

/* Dense layer with a multiplier for every output, or with an int32 bias. Arguments as arm_fully_connected_s16. */
void mg_fully_connected_per_channel_s16(const cmsis_nn_fc_params *fc_params,
                                        const cmsis_nn_per_channel_quant_params *quant_params,
                                        const cmsis_nn_dims *input_dims, const int16_t *input_data,
                                        const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                        const cmsis_nn_dims *bias_dims, const cmsis_nn_bias_data *bias_data,
                                        const cmsis_nn_dims *output_dims, int16_t *output_data)
{
    (void)bias_dims;
    const mg_matrix_s16_params matrix = {.depth = filter_dims->n,
                                         .units = output_dims->c,
                                         .output_step = output_dims->c,
                                         .quant_step = 1,
                                         .narrow = bias_data->is_int32_bias ? 1 : 0,
                                         .activation = fc_params->activation,
                                         .weights = filter_data,
                                         .bias = bias_data->data,
                                         .multiplier = quant_params->multiplier,
                                         .shift = quant_params->shift};
    mg_matrix_s16(&matrix, input_data, input_dims->n, matrix.depth, output_data);
}
