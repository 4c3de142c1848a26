/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* `rows` times `channels` bytes, each looked up in its channel's table of 256 numbers. */
void mg_channel_table_f32(const uint8_t *input, const float *tables, float *output, int32_t rows, int32_t channels)
{
    for (int32_t row = 0; row < rows; row++)
    {
        const float *table = tables;
        for (int32_t channel = 0; channel < channels; channel++)
        {
            *output++ = table[*input++];
            table += 256;
        }
    }
}
