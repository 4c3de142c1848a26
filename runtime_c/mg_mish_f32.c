/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

#include "mg_softplus.h"

/* x * tanh(ln(1 + e^x)). Far below 0 the factor is 0, whatever x is. The output may be the input. */
void mg_mish_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        output[i] = x < -1000.0f ? 0.0f : x * tanhf(mg_softplus(x));
    }
}
