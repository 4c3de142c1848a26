/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_avgpool_s8.h"
#include "mg_range.h"
#include "mg_scratch.h"

int32_t arm_avgpool_s8_get_buffer_size(const int dim_dst_width, const int ch_src)
{
    (void)dim_dst_width;
    return MG_AVGPOOL_S8_SCRATCH(ch_src);
}

/* Average pooling; padding does not count. A window that lies in the padding altogether is an error. */
arm_cmsis_nn_status arm_avgpool_s8(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *pool_params,
                                   const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                   const cmsis_nn_dims *filter_dims, const cmsis_nn_dims *output_dims,
                                   int8_t *output_data)
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
                const int8_t *first = input_data + (origin_y + ky.begin) * input_row;
                first += (origin_x + kx.begin) * channels;
                mg_avgpool_sum_s8(sums, first, ky.end - ky.begin, columns, input_row, channels);
                mg_avgpool_finish_s8(sums, count, channels, &pool_params->activation, output_data);
                output_data += channels;
            }
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
