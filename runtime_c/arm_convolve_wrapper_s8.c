/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_scratch.h"
#include "mg_support.h"

static bool is_pointwise(const cmsis_nn_conv_params *conv, const cmsis_nn_dims *input,
                         const cmsis_nn_dims *filter)
{
    return filter->w == 1 && filter->h == 1 && conv->padding.w == 0 && conv->padding.h == 0 &&
           filter->c == input->c;
}

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *conv_params,
                                                const cmsis_nn_dims *input_dims,
                                                const cmsis_nn_dims *filter_dims,
                                                const cmsis_nn_dims *output_dims)
{
    (void)output_dims;
    /* Callers that ask for a size may leave filter_dims->c out: only a true divisor stands for groups. */
    cmsis_nn_dims filter = *filter_dims;
    if (filter.c < 1 || filter.c >= input_dims->c || input_dims->c % filter.c != 0)
    {
        filter.c = input_dims->c;
    }
    return is_pointwise(conv_params, input_dims, &filter)
               ? arm_convolve_1x1_s8_fast_get_buffer_size(input_dims)
               : arm_convolve_s8_get_buffer_size(input_dims, filter_dims);
}

/* Any convolution, by the kernel that suits it. */
arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context *ctx,
                                            const cmsis_nn_conv_params *conv_params,
                                            const cmsis_nn_per_channel_quant_params *quant_params,
                                            const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                            const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                            const cmsis_nn_dims *bias_dims, const int32_t *bias_data,
                                            const cmsis_nn_dims *output_dims, int8_t *output_data)
{
    if (is_pointwise(conv_params, input_dims, filter_dims))
    {
        if (!mg_scratch_fits(ctx, MG_CONVOLVE_1X1_S8_SCRATCH(input_dims->c)))
        {
            return ARM_CMSIS_NN_ARG_ERROR;
        }
        return arm_convolve_1x1_s8(ctx, conv_params, quant_params, input_dims, input_data, filter_dims,
                                   filter_data, bias_dims, bias_data, output_dims, output_data);
    }
    return arm_convolve_s8(ctx, conv_params, quant_params, input_dims, input_data, filter_dims, filter_data,
                           bias_dims, bias_data, NULL, output_dims, output_data);
}
