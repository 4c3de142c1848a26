/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* gamma * x where x > 0, gamma * alpha * (e^x - 1) elsewhere. The output may be the input. */
void mg_selu_f32(const float *input, float *output, int32_t size, float alpha, float gamma)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        output[i] = gamma * (x > 0.0f ? x : alpha * expm1f(x));
    }
}
