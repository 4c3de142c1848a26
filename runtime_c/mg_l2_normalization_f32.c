/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* Vectors of `size` elements, divided by their lengths or 1e-6 where that is more. The output may be the input. */
void mg_l2_normalization_f32(const float *input, float *output, int32_t rows, int32_t size)
{
    for (; rows > 0; rows--)
    {
        float sum = 0.0f;
        for (int32_t i = 0; i < size; i++)
        {
            sum += input[i] * input[i];
        }
        const float root = sqrtf(sum);
        const float length = root > 1e-6f ? root : 1e-6f;
        for (int32_t i = 0; i < size; i++)
        {
            output[i] = input[i] / length;
        }
        input += size;
        output += size;
    }
}
