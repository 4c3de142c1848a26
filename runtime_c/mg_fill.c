/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

/* `count` elements of `size` bytes, all with the value that lies at `value`. */
void mg_fill(const void *value, void *output, int32_t count, int32_t size)
{
    const uint8_t *bytes = (const uint8_t *)value;
    uint8_t *to = (uint8_t *)output;
    bool alike = true;
    for (int32_t i = 1; i < size; i++)
    {
        alike = alike && bytes[i] == bytes[0];
    }
    if (alike)
    {
        memset(to, bytes[0], (size_t)count * (size_t)size);
        return;
    }
    for (int32_t i = 0; i < count; i++)
    {
        memcpy(to, bytes, (size_t)size);
        to += size;
    }
}
