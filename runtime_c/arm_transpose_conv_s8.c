/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_dot_s8.h"
#include "mg_reach.h"
#include "mg_support.h"

/* Adds to `count`, 4 or 1, sums of neighbouring output channels what reaches a position; filter is the first one's. */
static void gather(const cmsis_nn_transpose_conv_params *params, const cmsis_nn_dims *input,
                   const cmsis_nn_dims *filter, mg_reach rows, mg_reach columns, const int8_t *image,
                   const int8_t *weights, int32_t count, uint32_t *sums)
{
    const int32_t depth = input->c;
    const int32_t filter_size = filter->h * filter->w * depth;
    for (int32_t i = 0; i < rows.count; i++)
    {
        const int8_t *x = image + ((rows.first + i) * input->w + columns.first) * depth;
        const int8_t *w = weights + ((rows.tap - i * params->stride.h) * filter->w + columns.tap) * depth;
        for (int32_t j = 0; j < columns.count; j++)
        {
            if (count == 4)
            {
                mg_dot4_s8(sums, x + j * depth, params->input_offset, w - j * params->stride.w * depth, filter_size,
                           depth);
            }
            else
            {
                sums[0] =
                    mg_dot_s8(sums[0], x + j * depth, params->input_offset, w - j * params->stride.w * depth, depth);
            }
        }
    }
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
            const mg_reach rows =
                mg_reach_of(y, transpose_conv_params->padding.h, stride.h, filter_dims->h, input_dims->h);
            for (int32_t x = 0; x < output_dims->w; x++)
            {
                const mg_reach columns = mg_reach_of(x, transpose_conv_params->padding.w, stride.w, filter_dims->w,
                                                     input_dims->w);
                int32_t count;
                for (int32_t c = 0; c < output_dims->c; c += count)
                {
                    uint32_t sums[4];
                    count = c + 4 <= output_dims->c ? 4 : 1;
                    for (int32_t i = 0; i < count; i++)
                    {
                        sums[i] = bias_data == NULL ? 0u : (uint32_t)bias_data[c + i];
                    }
                    gather(transpose_conv_params, input_dims, filter_dims, rows, columns, input_data,
                           filter_data + c * filter_size, count, sums);
                    for (int32_t i = 0; i < count; i++)
                    {
                        *output_data++ = mg_requantize_s8((int32_t)sums[i], quant_params->multiplier[c + i],
                                                          quant_params->shift[c + i],
                                                          transpose_conv_params->output_offset,
                                                          &transpose_conv_params->activation);
                    }
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
