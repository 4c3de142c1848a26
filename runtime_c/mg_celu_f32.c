/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* max(x, 0) + min(0, alpha * (e^(x / alpha) - 1)). The output may be the input. */
void mg_celu_f32(const float *input, float *output, int32_t size, float alpha)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        const float below = alpha * expm1f(x / alpha);
        output[i] = (x > 0.0f ? x : 0.0f) + (below > 0.0f ? 0.0f : below);
    }
}
