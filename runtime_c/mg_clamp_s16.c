/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* Clamps to min..max. The output may be the input. */
void mg_clamp_s16(const int16_t *input, int16_t *output, int32_t size, int32_t min, int32_t max)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = (int16_t)mg_clamp(input[i], min, max);
    }
}
