/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_range.h"
#include "mg_scratch.h"
#include "mg_support.h"

int32_t arm_avgpool_s16_get_buffer_size(const int dim_dst_width, const int ch_src)
{
    (void)dim_dst_width;
    return MG_AVGPOOL_S8_SCRATCH(ch_src);
}

/* Adds `columns` neighbouring positions of a row, `channels` values each, to the sums. */
static void add_row(int32_t *restrict sums, const int16_t *row, int32_t columns, int32_t channels)
{
    for (int32_t x = 0; x < columns; x++)
    {
        for (int32_t c = 0; c < channels; c++)
        {
            sums[c] = mg_wrap_add(sums[c], row[c]);
        }
        row += channels;
    }
}

/* The mean of `count` values from each sum, a half rounded away from zero. */
static void finish(const int32_t *sums, int32_t count, int32_t channels, const cmsis_nn_activation *activation,
                   int16_t *restrict output)
{
    const int32_t half = count / 2;
    for (int32_t c = 0; c < channels; c++)
    {
        const int32_t sum = sums[c] > 0 ? mg_wrap_add(sums[c], half) : mg_wrap_sub(sums[c], half);
        output[c] = (int16_t)mg_clamp(sum / count, activation->min, activation->max);
    }
}

/* Average pooling; padding does not count. A window that lies in the padding altogether is an error. */
arm_cmsis_nn_status arm_avgpool_s16(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *pool_params,
                                    const cmsis_nn_dims *input_dims, const int16_t *input_data,
                                    const cmsis_nn_dims *filter_dims, const cmsis_nn_dims *output_dims,
                                    int16_t *output_data)
{
    const int32_t channels = input_dims->c;
    if (input_dims->n < 1 || channels < 1 || output_dims->c != channels ||
        !mg_scratch_fits(ctx, MG_AVGPOOL_S8_SCRATCH(channels)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    int32_t *sums = (int32_t *)ctx->buf;
    const int32_t input_row = input_dims->w * channels;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t out_y = 0; out_y < output_dims->h; out_y++)
        {
            const int32_t origin_y = out_y * pool_params->stride.h - pool_params->padding.h;
            const mg_range ky = mg_clip_taps(origin_y, 1, filter_dims->h, input_dims->h);
            for (int32_t out_x = 0; out_x < output_dims->w; out_x++)
            {
                const int32_t origin_x = out_x * pool_params->stride.w - pool_params->padding.w;
                const mg_range kx = mg_clip_taps(origin_x, 1, filter_dims->w, input_dims->w);
                const int32_t columns = kx.end - kx.begin;
                const int32_t count = (ky.end - ky.begin) * columns;
                if (count <= 0)
                {
                    return ARM_CMSIS_NN_ARG_ERROR;
                }
                memset(sums, 0, (size_t)channels * sizeof *sums);
                for (int32_t y = ky.begin; y < ky.end; y++)
                {
                    const int16_t *row = input_data + (origin_y + y) * input_row;
                    add_row(sums, row + (origin_x + kx.begin) * channels, columns, channels);
                }
                finish(sums, count, channels, &pool_params->activation, output_data);
                output_data += channels;
            }
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
