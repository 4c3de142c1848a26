/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* -1, 0 or 1; what is not a number stays so. The output may be the input. */
void mg_sign_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        output[i] = x > 0.0f ? 1.0f : (x < 0.0f ? -1.0f : (x == 0.0f ? 0.0f : x));
    }
}
