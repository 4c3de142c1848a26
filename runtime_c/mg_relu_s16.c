/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* Numbers at another scale, from 0 on. The output may be the input. */
void mg_relu_s16(const int16_t *input, int16_t *output, int32_t size, int32_t multiplier, int32_t shift)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = (int16_t)mg_clamp(mg_requantize(input[i], multiplier, shift), 0, INT16_MAX);
    }
}
