/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* x where x > alpha, 0 elsewhere. The output may be the input. */
void mg_thresholded_relu_f32(const float *input, float *output, int32_t size, float alpha)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        output[i] = x > alpha ? x : 0.0f;
    }
}
