/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_conv_row_s8.h"
#include "mg_range.h"
#include "mg_scratch.h"
#include "mg_support.h"

int32_t arm_convolve_s8_get_buffer_size(const cmsis_nn_dims *input_dims, const cmsis_nn_dims *filter_dims)
{
    (void)input_dims;
    return MG_CONVOLVE_S8_SCRATCH(filter_dims->h, filter_dims->w, filter_dims->c);
}

static bool dims_are_right(const cmsis_nn_conv_params *conv, const cmsis_nn_dims *input,
                           const cmsis_nn_dims *filter, const cmsis_nn_dims *output)
{
    if (input->c < 1 || filter->c < 1 || filter->h < 1 || filter->w < 1 || output->c < 1 ||
        input->n < 1 || conv->stride.w < 1 || conv->stride.h < 1 || conv->dilation.w < 1 ||
        conv->dilation.h < 1)
    {
        return false;
    }
    return input->c % filter->c == 0 && output->c % (input->c / filter->c) == 0;
}

/*
 * Convolution of any geometry; filter_dims->c less than input_dims->c makes groups. The input upsampled by
 * upscale_dims, a helper of transposed convolutions, is not implemented.
 */
arm_cmsis_nn_status arm_convolve_s8(const cmsis_nn_context *ctx, const cmsis_nn_conv_params *conv_params,
                                    const cmsis_nn_per_channel_quant_params *quant_params,
                                    const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                    const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                    const cmsis_nn_dims *bias_dims, const int32_t *bias_data,
                                    const cmsis_nn_dims *upscale_dims, const cmsis_nn_dims *output_dims,
                                    int8_t *output_data)
{
    (void)bias_dims;
    if (upscale_dims != NULL && (upscale_dims->h == 2 || upscale_dims->w == 2))
    {
        return ARM_CMSIS_NN_NO_IMPL_ERROR;
    }
    const int32_t scratch = MG_CONVOLVE_S8_SCRATCH(filter_dims->h, filter_dims->w, filter_dims->c);
    if (!dims_are_right(conv_params, input_dims, filter_dims, output_dims) || !mg_scratch_fits(ctx, scratch))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    const int32_t pointers = MG_ROW_POINTERS_BYTES(filter_dims->h);
    const mg_conv_row_s8_params row = {.input_w = input_dims->w,
                                       .input_c = input_dims->c,
                                       .kernel_h = filter_dims->h,
                                       .kernel_w = filter_dims->w,
                                       .kernel_c = filter_dims->c,
                                       .output_w = output_dims->w,
                                       .output_c = output_dims->c,
                                       .stride_w = conv_params->stride.w,
                                       .padding_w = conv_params->padding.w,
                                       .dilation_w = conv_params->dilation.w,
                                       .input_offset = conv_params->input_offset,
                                       .output_offset = conv_params->output_offset,
                                       .activation = conv_params->activation,
                                       .filter = filter_data,
                                       .bias = bias_data,
                                       .multiplier = quant_params->multiplier,
                                       .shift = quant_params->shift,
                                       .scratch = scratch > pointers ? (int8_t *)ctx->buf + pointers : NULL};
    const int32_t input_row = input_dims->w * input_dims->c;
    const int32_t output_row = output_dims->w * output_dims->c;
    const int32_t dilation = conv_params->dilation.h;
    const int8_t *single_row = NULL;
    const int8_t **rows = filter_dims->h > 1 ? (const int8_t **)ctx->buf : &single_row;

    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t out_y = 0; out_y < output_dims->h; out_y++)
        {
            const int32_t origin = out_y * conv_params->stride.h - conv_params->padding.h;
            const mg_range taps = mg_clip_taps(origin, dilation, filter_dims->h, input_dims->h);
            for (int32_t ky = taps.begin; ky < taps.end; ky++)
            {
                rows[ky] = input_data + (origin + ky * dilation) * input_row;
            }
            mg_conv_row_s8(&row, rows, taps, output_data);
            output_data += output_row;
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
