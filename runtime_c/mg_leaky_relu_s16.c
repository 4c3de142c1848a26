/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* Numbers from 0 on times one factor, those below times another and `sign`. The output may be the input. */
void mg_leaky_relu_s16(const int16_t *input, int16_t *output, int32_t size, int32_t multiplier, int32_t shift,
                       int32_t slope_multiplier, int32_t slope_shift, int32_t sign)
{
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t value = input[i] >= 0
                                  ? mg_requantize(input[i], multiplier, shift)
                                  : mg_wrap_mul(sign, mg_requantize(input[i], slope_multiplier, slope_shift));
        output[i] = (int16_t)mg_clamp(value, INT16_MIN, INT16_MAX);
    }
}
