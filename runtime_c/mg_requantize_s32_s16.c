/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_quantize.h"

/* int32 to int16 of another scale and zero point. */
void mg_requantize_s32_s16(const int32_t *input, int16_t *output, int32_t size, int32_t input_zero_point,
                           int32_t multiplier, int32_t shift, int32_t output_zero_point)
{
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t value =
            mg_requantize_one(input[i], input_zero_point, multiplier, shift, output_zero_point);
        output[i] = (int16_t)mg_clamp(value, INT16_MIN, INT16_MAX);
    }
}
