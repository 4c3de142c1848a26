/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_depthwise_row_s16.h"
#include "mg_range.h"
#include "mg_scratch.h"
#include "mg_support.h"

static bool dims_are_right(const cmsis_nn_dw_conv_params *conv, const cmsis_nn_dims *input,
                           const cmsis_nn_dims *filter, const cmsis_nn_dims *output)
{
    return input->c >= 1 && conv->ch_mult >= 1 && output->c == input->c * conv->ch_mult &&
           filter->h >= 1 && filter->w >= 1 && input->n >= 1 &&
           conv->stride.w >= 1 && conv->stride.h >= 1 && conv->dilation.w >= 1 && conv->dilation.h >= 1;
}

/* Depthwise convolution of any geometry and channel multiplier. Zero points are 0. */
arm_cmsis_nn_status arm_depthwise_conv_s16(const cmsis_nn_context *ctx,
                                           const cmsis_nn_dw_conv_params *dw_conv_params,
                                           const cmsis_nn_per_channel_quant_params *quant_params,
                                           const cmsis_nn_dims *input_dims, const int16_t *input_data,
                                           const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                           const cmsis_nn_dims *bias_dims, const int64_t *bias_data,
                                           const cmsis_nn_dims *output_dims, int16_t *output_data)
{
    (void)bias_dims;
    if (!dims_are_right(dw_conv_params, input_dims, filter_dims, output_dims) ||
        !mg_scratch_fits(ctx, MG_DEPTHWISE_CONV_S8_SCRATCH(filter_dims->h)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    const mg_depthwise_row_s16_params row = {.input_w = input_dims->w,
                                             .input_c = input_dims->c,
                                             .ch_mult = dw_conv_params->ch_mult,
                                             .kernel_h = filter_dims->h,
                                             .kernel_w = filter_dims->w,
                                             .output_w = output_dims->w,
                                             .stride_w = dw_conv_params->stride.w,
                                             .padding_w = dw_conv_params->padding.w,
                                             .dilation_w = dw_conv_params->dilation.w,
                                             .activation = dw_conv_params->activation,
                                             .filter = filter_data,
                                             .bias = bias_data,
                                             .multiplier = quant_params->multiplier,
                                             .shift = quant_params->shift};
    const int32_t input_row = input_dims->w * input_dims->c;
    const int32_t output_row = output_dims->w * output_dims->c;
    const int32_t dilation = dw_conv_params->dilation.h;
    const int16_t *few_rows[MG_DEPTHWISE_LOCAL_ROWS];
    const int16_t **rows = filter_dims->h > MG_DEPTHWISE_LOCAL_ROWS ? (const int16_t **)ctx->buf : few_rows;

    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t out_y = 0; out_y < output_dims->h; out_y++)
        {
            const int32_t origin = out_y * dw_conv_params->stride.h - dw_conv_params->padding.h;
            const mg_range taps = mg_clip_taps(origin, dilation, filter_dims->h, input_dims->h);
            for (int32_t ky = taps.begin; ky < taps.end; ky++)
            {
                rows[ky] = input_data + (origin + ky * dilation) * input_row;
            }
            mg_depthwise_row_s16(&row, rows, taps, output_data);
            output_data += output_row;
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
