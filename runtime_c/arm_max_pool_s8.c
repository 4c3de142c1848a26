/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_max_pool_row_s8.h"
#include "mg_range.h"
#include "mg_support.h"

/* Maximum pooling. It needs no scratch memory. */
arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context *ctx, const cmsis_nn_pool_params *pool_params,
                                    const cmsis_nn_dims *input_dims, const int8_t *input_data,
                                    const cmsis_nn_dims *filter_dims, const cmsis_nn_dims *output_dims,
                                    int8_t *output_data)
{
    (void)ctx;
    if (input_dims->n < 1 || input_dims->c < 1 || output_dims->c != input_dims->c)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    const mg_max_pool_row_s8_params row = {.input_w = input_dims->w,
                                           .channels = input_dims->c,
                                           .kernel_w = filter_dims->w,
                                           .output_w = output_dims->w,
                                           .stride_w = pool_params->stride.w,
                                           .padding_w = pool_params->padding.w};
    const cmsis_nn_activation clamp = pool_params->activation;
    const int32_t input_row = input_dims->w * input_dims->c;
    const int32_t output_row = output_dims->w * input_dims->c;
    for (int32_t batch = 0; batch < input_dims->n; batch++)
    {
        for (int32_t out_y = 0; out_y < output_dims->h; out_y++)
        {
            const int32_t origin = out_y * pool_params->stride.h - pool_params->padding.h;
            const mg_range taps = mg_clip_taps(origin, 1, filter_dims->h, input_dims->h);
            memset(output_data, INT8_MIN, (size_t)output_row);
            for (int32_t ky = taps.begin; ky < taps.end; ky++)
            {
                mg_max_pool_row_s8(&row, input_data + (origin + ky) * input_row, output_data);
            }
            for (int32_t i = 0; i < output_row; i++)
            {
                output_data[i] = (int8_t)mg_clamp(output_data[i], clamp.min, clamp.max);
            }
            output_data += output_row;
        }
        input_data += input_dims->h * input_row;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
