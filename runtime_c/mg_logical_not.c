/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* Whether x is false. The output may be the input. */
void mg_logical_not(const bool *input, bool *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = !input[i];
    }
}
