/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* The products of one output position and channel: input rows and columns that the window spreads to it. */
static int32_t gather(const cmsis_nn_transpose_conv_params *params, const cmsis_nn_dims *input,
                      const int8_t *image, const cmsis_nn_dims *filter, const int8_t *weights, int32_t out_y,
                      int32_t out_x)
{
    int32_t sum = 0;
    for (int32_t ky = 0; ky < filter->h; ky++)
    {
        const int32_t y = out_y + params->padding.h - ky;
        if (y < 0 || y % params->stride.h != 0 || y / params->stride.h >= input->h)
        {
            continue;
        }
        for (int32_t kx = 0; kx < filter->w; kx++)
        {
            const int32_t x = out_x + params->padding.w - kx;
            if (x < 0 || x % params->stride.w != 0 || x / params->stride.w >= input->w)
            {
                continue;
            }
            const int8_t *pixel = image + (y / params->stride.h * input->w + x / params->stride.w) * input->c;
            const int8_t *tap = weights + (ky * filter->w + kx) * input->c;
            for (int32_t c = 0; c < input->c; c++)
            {
                sum = mg_wrap_add(sum, (pixel[c] + params->input_offset) * tap[c]);
            }
        }
    }
    return sum;
}

/*
 * Transposed convolution, filter [output channels, height, width, input channels]: every output is gathered from
 * the inputs that reach it, so that neither context is needed.
 */
arm_cmsis_nn_status arm_transpose_conv_s8(
    const cmsis_nn_context *ctx, const cmsis_nn_context *output_ctx,
    const cmsis_nn_transpose_conv_params *transpose_conv_params,
    const cmsis_nn_per_channel_quant_params *quant_params, const cmsis_nn_dims *input_dims,
    const int8_t *input_data, const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
    const cmsis_nn_dims *bias_dims, const int32_t *bias_data, const cmsis_nn_dims *output_dims,
    int8_t *output_data)
{
    (void)ctx;
    (void)output_ctx;
    (void)bias_dims;
    const cmsis_nn_tile stride = transpose_conv_params->stride;
    if (stride.w < 1 || stride.h < 1 || input_dims->n < 1 || input_dims->c < 1 || filter_dims->w < 1 ||
        filter_dims->h < 1 || output_dims->c < 1)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t filter_size = filter_dims->h * filter_dims->w * input_dims->c;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t y = 0; y < output_dims->h; y++)
        {
            for (int32_t x = 0; x < output_dims->w; x++)
            {
                for (int32_t c = 0; c < output_dims->c; c++)
                {
                    const int32_t sum = gather(transpose_conv_params, input_dims, input_data, filter_dims,
                                               filter_data + c * filter_size, y, x);
                    *output_data++ = mg_requantize_s8(
                        mg_wrap_add(sum, bias_data == NULL ? 0 : bias_data[c]), quant_params->multiplier[c],
                        quant_params->shift[c], transpose_conv_params->output_offset,
                        &transpose_conv_params->activation);
                }
            }
        }
        input_data += input_dims->h * input_dims->w * input_dims->c;
    }
    return ARM_CMSIS_NN_SUCCESS;
}

/* Any transposed convolution. */
arm_cmsis_nn_status arm_transpose_conv_wrapper_s8(
    const cmsis_nn_context *ctx, const cmsis_nn_context *reverse_conv_ctx,
    const cmsis_nn_transpose_conv_params *transpose_conv_params,
    const cmsis_nn_per_channel_quant_params *quant_params, const cmsis_nn_dims *input_dims,
    const int8_t *input_data, const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
    const cmsis_nn_dims *bias_dims, const int32_t *bias_data, const cmsis_nn_dims *output_dims,
    int8_t *output_data)
{
    return arm_transpose_conv_s8(ctx, reverse_conv_ctx, transpose_conv_params, quant_params, input_dims,
                                 input_data, filter_dims, filter_data, bias_dims, bias_data, output_dims,
                                 output_data);
}

int32_t arm_transpose_conv_s8_get_buffer_size(const cmsis_nn_transpose_conv_params *transpose_conv_params,
                                              const cmsis_nn_dims *input_dims,
                                              const cmsis_nn_dims *filter_dims, const cmsis_nn_dims *out_dims)
{
    (void)transpose_conv_params;
    (void)input_dims;
    (void)filter_dims;
    (void)out_dims;
    return 0;
}

int32_t arm_transpose_conv_s8_get_reverse_conv_buffer_size(
    const cmsis_nn_transpose_conv_params *transpose_conv_params, const cmsis_nn_dims *input_dims,
    const cmsis_nn_dims *filter_dims)
{
    return arm_transpose_conv_s8_get_buffer_size(transpose_conv_params, input_dims, filter_dims, NULL);
}

int32_t arm_transpose_conv_s8_get_buffer_size_dsp(const cmsis_nn_dims *input_dims,
                                                  const cmsis_nn_dims *filter_dims,
                                                  const cmsis_nn_dims *out_dims)
{
    return arm_transpose_conv_s8_get_buffer_size(NULL, input_dims, filter_dims, out_dims);
}

int32_t arm_transpose_conv_s8_get_buffer_size_mve(const cmsis_nn_dims *input_dims,
                                                  const cmsis_nn_dims *filter_dims,
                                                  const cmsis_nn_dims *out_dims)
{
    return arm_transpose_conv_s8_get_buffer_size(NULL, input_dims, filter_dims, out_dims);
}
