/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_square_root.h"

/* The rounded square roots of `length` numbers in each of `frames` rows, shifted right by the row's `bits`. */
void mg_signal_square_root_u64(const uint64_t *input, const int32_t *bits, uint32_t *output, int32_t frames,
                               int32_t length)
{
    for (int32_t i = 0; i < frames; i++)
    {
        const uint32_t count = (uint32_t)bits[i] & 31u;
        for (int32_t j = 0; j < length; j++)
        {
            output[j] = mg_square_root(input[j]) >> count;
        }
        input += length;
        output += length;
    }
}
