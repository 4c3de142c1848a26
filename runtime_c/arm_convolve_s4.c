/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_scratch.h"
#include "mg_weights_s4.h"

int32_t arm_convolve_s4_get_buffer_size(const cmsis_nn_dims *input_dims, const cmsis_nn_dims *filter_dims)
{
    (void)input_dims;
    return MG_CONVOLVE_S4_SCRATCH(filter_dims->h, filter_dims->w, filter_dims->c);
}

static bool dims_are_right(const cmsis_nn_conv_params *conv, const cmsis_nn_dims *input,
                           const cmsis_nn_dims *filter, const cmsis_nn_dims *output)
{
    if (input->c < 1 || filter->c < 1 || filter->h < 1 || filter->w < 1 || output->c < 1 || input->n < 1 ||
        conv->stride.w < 1 || conv->stride.h < 1 || conv->dilation.w < 1 || conv->dilation.h < 1)
    {
        return false;
    }
    return input->c % filter->c == 0 && output->c % (input->c / filter->c) == 0;
}

/* What one output reads of the channels from `input` on, zero points subtracted; padding is 0. Each value lies where
 * mg_dot_s4 wants it. */
static void gather(const cmsis_nn_conv_params *conv, const cmsis_nn_dims *dims, const int8_t *input,
                   const cmsis_nn_dims *filter, int32_t y, int32_t x, int16_t *patch)
{
    const int32_t size = filter->h * filter->w * filter->c;
    int32_t index = 0;
    for (int32_t ky = 0; ky < filter->h; ky++)
    {
        const int32_t row = y + ky * conv->dilation.h;
        for (int32_t kx = 0; kx < filter->w; kx++)
        {
            const int32_t column = x + kx * conv->dilation.w;
            const bool inside = row >= 0 && row < dims->h && column >= 0 && column < dims->w;
            const int8_t *pixel = inside ? input + (row * dims->w + column) * dims->c : NULL;
            for (int32_t c = 0; c < filter->c; c++)
            {
                patch[mg_place_s4(index, size)] = (int16_t)(inside ? pixel[c] + conv->input_offset : 0);
                index++;
            }
        }
    }
}

/*
 * Convolution of any geometry with packed weights; filter_dims->c less than input_dims->c makes groups. The filters
 * follow each other without a gap: one of an odd size ends in the middle of a byte.
 */
arm_cmsis_nn_status arm_convolve_s4(const cmsis_nn_context *ctx, const cmsis_nn_conv_params *conv_params,
                                    const cmsis_nn_per_channel_quant_params *quant_params,
                                    const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                    const cmsis_nn_dims *filter_dims, const int8_t *filter_data,
                                    const cmsis_nn_dims *bias_dims, const int32_t *bias_data,
                                    const cmsis_nn_dims *output_dims, int8_t *output_data)
{
    (void)bias_dims;
    const int32_t scratch = MG_CONVOLVE_S4_SCRATCH(filter_dims->h, filter_dims->w, filter_dims->c);
    if (!dims_are_right(conv_params, input_dims, filter_dims, output_dims) || !mg_scratch_fits(ctx, scratch))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    int16_t *patch = (int16_t *)ctx->buf;
    const int32_t size = filter_dims->h * filter_dims->w * filter_dims->c;
    const int32_t groups = input_dims->c / filter_dims->c;
    const int32_t units = output_dims->c / groups;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        const int32_t positions = output_dims->h * output_dims->w;
        for (int32_t position = 0; position < positions; position += MG_S4_POSITIONS)
        {
            const int32_t count = mg_min(positions - position, MG_S4_POSITIONS);
            for (int32_t channel = 0; channel < output_dims->c; channel++)
            {
                for (int32_t i = 0; channel % units == 0 && i < MG_S4_POSITIONS; i++)
                {
                    /* Behind the last position it is read again. */
                    const int32_t at = position + mg_min(i, count - 1);
                    const int32_t y = at / output_dims->w * conv_params->stride.h - conv_params->padding.h;
                    const int32_t x = at % output_dims->w * conv_params->stride.w - conv_params->padding.w;
                    gather(conv_params, input_dims, input_data + channel / units * filter_dims->c, filter_dims, y, x,
                           patch + i * size);
                }
                int32_t sums[MG_S4_POSITIONS];
                mg_dot_s4(patch, size, filter_data, channel * size, size, sums);
                for (int32_t i = 0; i < count; i++)
                {
                    output_data[i * output_dims->c + channel] =
                        mg_requantize_s8(bias_data == NULL ? sums[i] : mg_wrap_add(sums[i], bias_data[channel]),
                                         quant_params->multiplier[channel], quant_params->shift[channel],
                                         conv_params->output_offset, &conv_params->activation);
                }
            }
            output_data += count * output_dims->c;
        }
        input_data += input_dims->h * input_dims->w * input_dims->c;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
