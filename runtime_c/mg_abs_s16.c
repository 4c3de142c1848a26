/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* Magnitudes, brought to another scale where `rescale` is not 0. The output may be the input. */
void mg_abs_s16(const int16_t *input, int16_t *output, int32_t size, int32_t rescale, int32_t multiplier,
                int32_t shift)
{
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t magnitude = input[i] < 0 ? -input[i] : input[i];
        const int32_t value = rescale != 0 ? mg_requantize(magnitude, multiplier, shift) : magnitude;
        output[i] = (int16_t)mg_clamp(value, INT16_MIN, INT16_MAX);
    }
}
