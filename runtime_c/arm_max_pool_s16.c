/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_range.h"
#include "mg_support.h"

/* Maximum pooling. It needs no scratch memory. */
arm_cmsis_nn_status arm_max_pool_s16(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *pool_params,
                                     const cmsis_nn_dims *input_dims, const int16_t *input_data,
                                     const cmsis_nn_dims *filter_dims, const cmsis_nn_dims *output_dims,
                                     int16_t *output_data)
{
    (void)ctx;
    const int32_t channels = input_dims->c;
    if (input_dims->n < 1 || channels < 1 || output_dims->c != channels)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const cmsis_nn_activation clamp = pool_params->activation;
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
                for (int32_t c = 0; c < channels; c++)
                {
                    int32_t largest = INT16_MIN;
                    for (int32_t y = ky.begin; y < ky.end; y++)
                    {
                        const int16_t *row = input_data + (origin_y + y) * input_row + c;
                        for (int32_t x = kx.begin; x < kx.end; x++)
                        {
                            largest = mg_max(largest, row[(origin_x + x) * channels]);
                        }
                    }
                    *output_data++ = (int16_t)mg_clamp(largest, clamp.min, clamp.max);
                }
            }
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
