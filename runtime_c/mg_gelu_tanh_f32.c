/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))). Far below 0 the factor is 0, whatever x is. The output may be the input. */
void mg_gelu_tanh_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        const float cube = 0.044715f * x * x * x;
        output[i] = x < -1000.0f ? 0.0f : 0.5f * x * (1.0f + tanhf(0.79788456f * (x + cube)));
    }
}
