/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* 1 / (1 + e^-x). The output may be the input. */
void mg_logistic_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        /* e^-|x| never overflows. */
        const float small = expf(-fabsf(x));
        output[i] = (x >= 0.0f ? 1.0f : small) / (1.0f + small);
    }
}
