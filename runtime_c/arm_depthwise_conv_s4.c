/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_weights_s4.h"

/* Depthwise convolution of any geometry with packed weights. Needs no scratch. */
arm_cmsis_nn_status arm_depthwise_conv_s4(const cmsis_nn_context *ctx, const cmsis_nn_dw_conv_params *dw_conv_params,
                                          const cmsis_nn_per_channel_quant_params *quant_params,
                                          const cmsis_nn_dims *input_dims, const int8_t *input,
                                          const cmsis_nn_dims *filter_dims, const int8_t *kernel,
                                          const cmsis_nn_dims *bias_dims, const int32_t *bias,
                                          const cmsis_nn_dims *output_dims, int8_t *output)
{
    (void)ctx;
    (void)bias_dims;
    const int32_t multiplier = dw_conv_params->ch_mult;
    if (multiplier < 1 || output_dims->c != input_dims->c * multiplier || dw_conv_params->stride.w < 1 ||
        dw_conv_params->stride.h < 1)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t channels = output_dims->c;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t position = 0; position < output_dims->h * output_dims->w; position++)
        {
            const int32_t top = position / output_dims->w * dw_conv_params->stride.h - dw_conv_params->padding.h;
            const int32_t left = position % output_dims->w * dw_conv_params->stride.w - dw_conv_params->padding.w;
            for (int32_t channel = 0; channel < channels; channel++)
            {
                int32_t sum = bias == NULL ? 0 : bias[channel];
                for (int32_t ky = 0; ky < filter_dims->h; ky++)
                {
                    const int32_t y = top + ky * dw_conv_params->dilation.h;
                    for (int32_t kx = 0; y >= 0 && y < input_dims->h && kx < filter_dims->w; kx++)
                    {
                        const int32_t x = left + kx * dw_conv_params->dilation.w;
                        if (x >= 0 && x < input_dims->w)
                        {
                            const int32_t value = input[(y * input_dims->w + x) * input_dims->c + channel / multiplier];
                            const int32_t index = (ky * filter_dims->w + kx) * channels + channel;
                            sum = mg_wrap_add(sum,
                                              (value + dw_conv_params->input_offset) * mg_weight_s4(kernel, index));
                        }
                    }
                }
                *output++ = mg_requantize_s8(sum, quant_params->multiplier[channel], quant_params->shift[channel],
                                             dw_conv_params->output_offset, &dw_conv_params->activation);
            }
        }
        input += input_dims->h * input_dims->w * input_dims->c;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
