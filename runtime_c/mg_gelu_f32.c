/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* x * (1 + erf(x / sqrt(2))) / 2. Far below 0 the factor is 0, whatever x is. The output may be the input. */
void mg_gelu_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        output[i] = x < -1000.0f ? 0.0f : 0.5f * x * (1.0f + erff(x * 0.70710678f));
    }
}
