/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"

/* min(max(x, low), high); what is not a number stays so. The output may be the input. */
void mg_clip_f32(const float *input, float *output, int32_t size, float low, float high)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = mg_clamp_f32(input[i], low, high);
    }
}
