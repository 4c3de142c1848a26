/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_reach.h"
#include "mg_requantize_s64.h"

/* Adds to `count` sums of neighbouring output channels what reaches a position; weights are the first one's. */
static void gather(const cmsis_nn_tile *stride, const cmsis_nn_dims *input, const cmsis_nn_dims *filter,
                   mg_reach rows, mg_reach columns, const int16_t *image, const int8_t *weights, int32_t count,
                   int64_t *sums)
{
    const int32_t depth = input->c;
    const int32_t filter_size = filter->h * filter->w * depth;
    for (int32_t i = 0; i < rows.count; i++)
    {
        const int16_t *x = image + ((rows.first + i) * input->w + columns.first) * depth;
        const int8_t *w = weights + ((rows.tap - i * stride->h) * filter->w + columns.tap) * depth;
        for (int32_t j = 0; j < columns.count; j++)
        {
            mg_dots_s16(sums, x + j * depth, w - j * stride->w * depth, filter_size, count, depth);
        }
    }
}

/*
 * Transposed convolution of int16 images, filter [output channels, height, width, input channels]: every output is
 * gathered from the inputs that reach it. Zero points are 0; bias may be NULL.
 */
void mg_transpose_conv_s16(const cmsis_nn_transpose_conv_params *params,
                           const cmsis_nn_per_channel_quant_params *quant, const cmsis_nn_dims *input_dims,
                           const int16_t *input, const cmsis_nn_dims *filter_dims, const int8_t *filter,
                           const int64_t *bias, const cmsis_nn_dims *output_dims, int16_t *output)
{
    const int32_t filter_size = filter_dims->h * filter_dims->w * input_dims->c;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t y = 0; y < output_dims->h; y++)
        {
            const mg_reach rows =
                mg_reach_of(y, params->padding.h, params->stride.h, filter_dims->h, input_dims->h);
            for (int32_t x = 0; x < output_dims->w; x++)
            {
                const mg_reach columns =
                    mg_reach_of(x, params->padding.w, params->stride.w, filter_dims->w, input_dims->w);
                int32_t count;
                for (int32_t c = 0; c < output_dims->c; c += count)
                {
                    int64_t sums[4] = {0, 0, 0, 0};
                    count = mg_min(output_dims->c - c, 4);
                    gather(&params->stride, input_dims, filter_dims, rows, columns, input, filter + c * filter_size,
                           count, sums);
                    for (int32_t i = 0; i < count; i++)
                    {
                        const int64_t sum = bias != NULL ? sums[i] + bias[c + i] : sums[i];
                        const int32_t value = mg_requantize_s64(sum, quant->multiplier[c + i], quant->shift[c + i]);
                        *output++ = mg_to_activation_s16(value, &params->activation);
                    }
                }
            }
        }
        input += input_dims->h * input_dims->w * input_dims->c;
    }
}
