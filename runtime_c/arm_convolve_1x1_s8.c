/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_DSP

#include "mg_dense_row_s8.h"

/* Pointwise convolution of any stride, without padding: each output position is a dense layer. */
arm_cmsis_nn_status arm_convolve_1x1_s8(const cmsis_nn_context *ctx, const cmsis_nn_conv_params *conv_params,
                                        const cmsis_nn_per_channel_quant_params *quant_params,
                                        const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                        const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                        const cmsis_nn_dims *bias_dims, const int32_t *bias_data,
                                        const cmsis_nn_dims *output_dims, int8_t *output_data)
{
    (void)ctx;
    (void)bias_dims;
    const cmsis_nn_tile stride = conv_params->stride;
    if (conv_params->padding.w != 0 || conv_params->padding.h != 0 || stride.w < 1 || stride.h < 1 ||
        filter_dims->w != 1 || filter_dims->h != 1 || filter_dims->c != input_dims->c ||
        input_dims->n < 1 || (output_dims->w - 1) * stride.w >= input_dims->w ||
        (output_dims->h - 1) * stride.h >= input_dims->h)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    const mg_dense_row_s8_params row = {.input_c = input_dims->c,
                                        .output_c = output_dims->c,
                                        .input_offset = conv_params->input_offset,
                                        .filter_offset = 0,
                                        .output_offset = conv_params->output_offset,
                                        .quant_step = 1,
                                        .activation = conv_params->activation,
                                        .filter = filter_data,
                                        .bias = bias_data,
                                        .multiplier = quant_params->multiplier,
                                        .shift = quant_params->shift};
    /* Where nothing is skipped the rows of the image are one. */
    const bool is_one_row = stride.w == 1 && stride.h == 1 && output_dims->w == input_dims->w &&
                            output_dims->h == input_dims->h;
    const int32_t rows = is_one_row ? 1 : output_dims->h;
    const int32_t count = is_one_row ? output_dims->h * output_dims->w : output_dims->w;
    const int32_t input_row = input_dims->w * input_dims->c;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t out_y = 0; out_y < rows; out_y++)
        {
            mg_dense_row_s8(&row, input_data + out_y * stride.h * input_row, count,
                            stride.w * input_dims->c, output_data);
            output_data += count * output_dims->c;
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
