/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* `rows` times `channels` bytes, each looked up in its channel's table of 256 bytes. */
void mg_channel_table_u8(const void *input, const void *tables, void *output, int32_t rows, int32_t channels)
{
    const uint8_t *in = (const uint8_t *)input;
    uint8_t *out = (uint8_t *)output;
    for (int32_t row = 0; row < rows; row++)
    {
        const uint8_t *table = (const uint8_t *)tables;
        for (int32_t channel = 0; channel < channels; channel++)
        {
            *out++ = table[*in++];
            table += 256;
        }
    }
}
