/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* All bits inverted. The output may be the input. */
void mg_bitwise_not_s32(const int32_t *input, int32_t *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = ~input[i];
    }
}
