/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_conv_row_s16.h"
#include "mg_range.h"
#include "mg_scratch.h"
#include "mg_support.h"

int32_t arm_convolve_s16_get_buffer_size(const cmsis_nn_dims *input_dims, const cmsis_nn_dims *filter_dims)
{
    (void)input_dims;
    return MG_CONVOLVE_S16_SCRATCH(filter_dims->h, filter_dims->w, filter_dims->c);
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

/* Convolution of any geometry; filter_dims->c less than input_dims->c makes groups. Zero points are 0. */
arm_cmsis_nn_status arm_convolve_s16(const cmsis_nn_context *ctx, const cmsis_nn_conv_params *conv_params,
                                     const cmsis_nn_per_channel_quant_params *quant_params,
                                     const cmsis_nn_dims *input_dims, const int16_t *input_data,
                                     const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                     const cmsis_nn_dims *bias_dims, const cmsis_nn_bias_data *bias_data,
                                     const cmsis_nn_dims *output_dims, int16_t *output_data)
{
    (void)bias_dims;
    const int32_t scratch = MG_CONVOLVE_S16_SCRATCH(filter_dims->h, filter_dims->w, filter_dims->c);
    if (!dims_are_right(conv_params, input_dims, filter_dims, output_dims) || !mg_scratch_fits(ctx, scratch))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    int8_t *memory = (int8_t *)ctx->buf;
    const bool has_bias = bias_data != NULL && bias_data->data != NULL;
    const mg_conv_row_s16_params row = {
        .input_w = input_dims->w,
        .input_c = input_dims->c,
        .kernel_h = filter_dims->h,
        .kernel_w = filter_dims->w,
        .kernel_c = filter_dims->c,
        .output_w = output_dims->w,
        .output_c = output_dims->c,
        .stride_w = conv_params->stride.w,
        .padding_w = conv_params->padding.w,
        .dilation_w = conv_params->dilation.w,
        .matrix = {.depth = filter_dims->h * filter_dims->w * filter_dims->c,
                   .units = output_dims->c / (input_dims->c / filter_dims->c),
                   .output_step = output_dims->c,
                   .quant_step = 1,
                   .narrow = has_bias && bias_data->is_int32_bias ? 1 : 0,
                   .activation = conv_params->activation,
                   .weights = filter_data,
                   .bias = has_bias ? bias_data->data : NULL,
                   .multiplier = quant_params->multiplier,
                   .shift = quant_params->shift},
        .patch = (int16_t *)(void *)(memory + MG_ROW_POINTERS_BYTES(filter_dims->h))};
    const int32_t input_row = input_dims->w * input_dims->c;
    const int32_t output_row = output_dims->w * output_dims->c;
    const int32_t dilation = conv_params->dilation.h;
    const int16_t *single_row = NULL;
    const int16_t **rows = filter_dims->h > 1 ? (const int16_t **)ctx->buf : &single_row;

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
            mg_conv_row_s16(&row, rows, taps, output_data);
            output_data += output_row;
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
