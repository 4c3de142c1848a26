/* SPDX-License-Identifier: Apache-2.0 */
/* What the per-tensor and the per-channel dense layer share. */
#ifndef MG_FULLY_CONNECTED_S8_H
#define MG_FULLY_CONNECTED_S8_H

#include "mg_dense_row_s8.h"

static inline bool mg_fully_connected_dims_are_right(const cmsis_nn_dims *input, const cmsis_nn_dims *filter,
                                                     const cmsis_nn_dims *output)
{
    return input->n >= 1 && filter->n >= 1 && output->c >= 1 &&
           (int64_t)input->h * input->w * input->c == filter->n;
}

static inline mg_dense_row_s8_params mg_fully_connected_row(const cmsis_nn_fc_params *fc_params,
                                                            const cmsis_nn_dims *filter_dims,
                                                            const int8_t *filter_data,
                                                            const int32_t *bias_data,
                                                            const cmsis_nn_dims *output_dims)
{
    const mg_dense_row_s8_params row = {.input_c = filter_dims->n,
                                        .output_c = output_dims->c,
                                        .input_offset = fc_params->input_offset,
                                        .filter_offset = fc_params->filter_offset,
                                        .output_offset = fc_params->output_offset,
                                        .quant_step = 0,
                                        .activation = fc_params->activation,
                                        .filter = filter_data,
                                        .bias = bias_data,
                                        .multiplier = NULL,
                                        .shift = NULL};
    return row;
}

#endif
