/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

/*
 * Copies one input of a concatenation: `outer` pieces of inner_bytes to places that lie output_stride bytes
 * apart, the first output_offset bytes into the output.
 */
void mg_concat(const void *input, void *output, int32_t outer, int32_t inner_bytes, int32_t output_stride,
               int32_t output_offset)
{
    const uint8_t *from = (const uint8_t *)input;
    uint8_t *to = (uint8_t *)output + output_offset;
    for (int32_t i = 0; i < outer; i++)
    {
        memcpy(to + i * output_stride, from, (size_t)inner_bytes);
        from += inner_bytes;
    }
}
