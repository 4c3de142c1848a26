/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"

/* min(max(alpha * x + beta, 0), 1). The output may be the input. */
void mg_hard_sigmoid_f32(const float *input, float *output, int32_t size, float alpha, float beta)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = mg_clamp_f32(alpha * input[i] + beta, 0.0f, 1.0f);
    }
}
