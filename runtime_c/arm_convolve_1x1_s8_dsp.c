/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_conv_row_s8.h"
#include "mg_dense_row_s8.h"
#include "mg_range.h"
#include "mg_scratch.h"
#include "mg_support.h"

static bool dims_are_right(const cmsis_nn_conv_params *conv, const cmsis_nn_dims *input,
                           const cmsis_nn_dims *filter, const cmsis_nn_dims *output)
{
    return conv->padding.w == 0 && conv->padding.h == 0 && conv->stride.w >= 1 && conv->stride.h >= 1 &&
           filter->w == 1 && filter->h == 1 && filter->c == input->c && input->n >= 1 &&
           (output->w - 1) * conv->stride.w < input->w && (output->h - 1) * conv->stride.h < input->h;
}

/* A row of output_w positions without the patches of mg_conv_row_s8. */
static void row_without_scratch(const mg_conv_row_s8_params *params, const int8_t *input, int8_t *output)
{
    const mg_dense_row_s8_params dense = {.input_c = params->input_c,
                                          .output_c = params->output_c,
                                          .input_offset = params->input_offset,
                                          .filter_offset = 0,
                                          .output_offset = params->output_offset,
                                          .quant_step = 1,
                                          .activation = params->activation,
                                          .filter = params->filter,
                                          .bias = params->bias,
                                          .multiplier = params->multiplier,
                                          .shift = params->shift};
    mg_dense_row_s8(&dense, input, params->output_w, params->stride_w * params->input_c, output);
}

/*
 * Pointwise convolution of any stride, without padding. Where nothing is left out between rows, the image is
 * one long row. Without scratch it is slower.
 */
arm_cmsis_nn_status arm_convolve_1x1_s8(const cmsis_nn_context *ctx, const cmsis_nn_conv_params *conv_params,
                                        const cmsis_nn_per_channel_quant_params *quant_params,
                                        const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                        const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                        const cmsis_nn_dims *bias_dims, const int32_t *bias_data,
                                        const cmsis_nn_dims *output_dims, int8_t *output_data)
{
    (void)bias_dims;
    if (!dims_are_right(conv_params, input_dims, filter_dims, output_dims))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    const bool has_scratch = mg_scratch_fits(ctx, MG_CONVOLVE_1X1_S8_SCRATCH(input_dims->c));
    const cmsis_nn_tile stride = conv_params->stride;
    const int32_t input_row = input_dims->w * input_dims->c;
    int32_t images = input_dims->n;
    int32_t rows = output_dims->h;
    mg_conv_row_s8_params row = {.input_w = input_dims->w,
                                 .input_c = input_dims->c,
                                 .kernel_h = 1,
                                 .kernel_w = 1,
                                 .kernel_c = input_dims->c,
                                 .output_w = output_dims->w,
                                 .output_c = output_dims->c,
                                 .stride_w = stride.w,
                                 .padding_w = 0,
                                 .dilation_w = 1,
                                 .input_offset = conv_params->input_offset,
                                 .output_offset = conv_params->output_offset,
                                 .activation = conv_params->activation,
                                 .filter = filter_data,
                                 .bias = bias_data,
                                 .multiplier = quant_params->multiplier,
                                 .shift = quant_params->shift,
                                 .scratch = has_scratch ? ctx->buf : NULL};
    if (stride.w == 1 && stride.h == 1 && input_dims->w == output_dims->w && input_dims->h == output_dims->h)
    {
        row.input_w *= rows * images;
        row.output_w = row.input_w;
        rows = 1;
        images = 1;
    }
    for (int32_t image = 0; image < images; image++)
    {
        for (int32_t out_y = 0; out_y < rows; out_y++)
        {
            const int8_t *input = input_data + (image * input_dims->h + out_y * stride.h) * input_row;
            if (has_scratch)
            {
                mg_conv_row_s8(&row, &input, (mg_range){0, 1}, output_data);
            }
            else
            {
                row_without_scratch(&row, input, output_data);
            }
            output_data += row.output_w * row.output_c;
        }
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
