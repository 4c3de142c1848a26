/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* Any function of one int8 value: table[(uint8_t)value] of 256 entries. The output may be the input. */
void mg_lut_s8(const int8_t *input, const int8_t *table, int8_t *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = table[(uint8_t)input[i]];
    }
}
