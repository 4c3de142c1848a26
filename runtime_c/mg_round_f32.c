/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* The nearest whole number, of two the even one. The output may be the input. */
void mg_round_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = rintf(input[i]);
    }
}
