/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* Softmax of beta times the input along the middle one of three axes. The output may be the input. */
void mg_softmax_f32(const float *input, int32_t outer, int32_t size, int32_t inner, float beta, float *output)
{
    for (int32_t i = 0; i < outer; i++)
    {
        for (int32_t k = 0; k < inner; k++)
        {
            const float *x = input + k;
            float *y = output + k;
            float largest = x[0];
            float sum = 0.0f;
            for (int32_t j = 1; j < size; j++)
            {
                largest = x[j * inner] > largest ? x[j * inner] : largest;
            }
            for (int32_t j = 0; j < size; j++)
            {
                const float power = expf((x[j * inner] - largest) * beta);
                y[j * inner] = power;
                sum += power;
            }
            for (int32_t j = 0; j < size; j++)
            {
                y[j * inner] /= sum;
            }
        }
        input += size * inner;
        output += size * inner;
    }
}
