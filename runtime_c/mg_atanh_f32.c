/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* The inverse hyperbolic tangent. The output may be the input. */
void mg_atanh_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = atanhf(input[i]);
    }
}
