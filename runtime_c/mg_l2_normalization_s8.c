/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_inverse_root.h"

/* Vectors of `size` elements, divided by their lengths, in units of 2^-7. The output may be the input. */
void mg_l2_normalization_s8(const int8_t *input, int8_t *output, int32_t rows, int32_t size, int32_t offset)
{
    for (; rows > 0; rows--)
    {
        int32_t sum = 0;
        for (int32_t i = 0; i < size; i++)
        {
            const int32_t x = input[i] + offset;
            sum += x * x;
        }
        int32_t shift;
        const int32_t multiplier = mg_inverse_root(sum, &shift);
        for (int32_t i = 0; i < size; i++)
        {
            const int32_t value = mg_requantize(input[i] + offset, multiplier, shift + 7);
            output[i] = (int8_t)mg_saturate_s8(value);
        }
        input += size;
        output += size;
    }
}
