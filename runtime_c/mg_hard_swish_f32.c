/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"

/* x * min(max(x + 3, 0), 6) / 6; the factor first, because the product overflows earlier. The output may be the input. */
void mg_hard_swish_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        output[i] = x <= -3.0f ? 0.0f : x * (mg_clamp_f32(x + 3.0f, 0.0f, 6.0f) / 6.0f);
    }
}
