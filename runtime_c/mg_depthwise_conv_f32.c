/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_conv_f32.h"
#include "mg_range.h"
#include "mg_scratch.h"

/*
 * A depthwise convolution of float tensors. bias may be NULL; scratch is MG_CONV_F32_SCRATCH bytes, NULL
 * where that is none.
 */
void mg_depthwise_conv_f32(const mg_conv_f32_params *params, const float *input, const float *filter, const float *bias,
                           void *scratch, float *restrict output)
{
    const float *local[MG_CONV_F32_LOCAL_ROWS];
    const float **rows = params->filter.h > MG_CONV_F32_LOCAL_ROWS ? scratch : local;
    const int32_t input_row = params->input.w * params->input.c;
    const int32_t output_row = params->output.w * params->output.c;
    for (int32_t batch = 0; batch < params->input.n; batch++)
    {
        for (int32_t out_y = 0; out_y < params->output.h; out_y++)
        {
            const int32_t origin = out_y * params->stride.h - params->padding.h;
            const mg_range taps = mg_clip_taps(origin, params->dilation.h, params->filter.h, params->input.h);
            for (int32_t ky = taps.begin; ky < taps.end; ky++)
            {
                rows[ky] = input + (origin + ky * params->dilation.h) * input_row;
            }
            mg_depthwise_row_f32(params, rows, taps, filter, bias, output);
            output += output_row;
        }
        input += params->input.h * input_row;
    }
}
