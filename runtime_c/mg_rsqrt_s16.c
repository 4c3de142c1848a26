/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_inverse_root.h"

/* Fractional bits of a root before it is brought to the output's scale. */
#define ROOT_BITS 20

/* 1 / sqrt(x) with ROOT_BITS fractional bits, x from 1 to 32767. */
static int32_t inverse_root(int32_t x)
{
    int32_t shift;
    const int32_t multiplier = mg_inverse_root(x, &shift);
    return mg_requantize(1, multiplier, shift + ROOT_BITS);
}

/* 1 / sqrt(x); 0 below 0 and the largest number at 0. The output may be the input. */
void mg_rsqrt_s16(const int16_t *input, int16_t *output, int32_t size, int32_t multiplier, int32_t shift)
{
    for (int32_t i = 0; i < size; i++)
    {
        const int32_t x = input[i];
        int32_t value = x == 0 ? INT16_MAX : 0;
        if (x > 0)
        {
            value = mg_clamp(mg_requantize(inverse_root(x), multiplier, shift), INT16_MIN, INT16_MAX);
        }
        output[i] = (int16_t)value;
    }
}
