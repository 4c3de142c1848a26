/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/*
 * int8 to float with a scale and a zero point for each of `slices`, which hold `inner` values each and come `outer`
 * times one after the other. The difference is exact in a float and the product is rounded once.
 */
void mg_dequantize_axis_s8_f32(const int8_t *input, float *output, int32_t outer, int32_t slices, int32_t inner,
                               const float *scales, const int32_t *zero_points)
{
    for (int32_t i = 0; i < outer; i++)
    {
        for (int32_t slice = 0; slice < slices; slice++)
        {
            for (int32_t j = 0; j < inner; j++)
            {
                *output++ = scales[slice] * (float)(*input++ - zero_points[slice]);
            }
        }
    }
}
