/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_quantize.h"

/* Float to int8. */
void mg_quantize_f32_s8(const float *input, int8_t *output, int32_t size, float scale, int32_t zero_point)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = (int8_t)mg_quantize_one(input[i], scale, zero_point, INT8_MIN, INT8_MAX);
    }
}
