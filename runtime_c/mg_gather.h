/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_GATHER_H
#define MG_GATHER_H

#include <stdint.h>
#include <string.h>

/* Copies piece number `place` of a row of pieces. */
static inline void mg_take(uint8_t *to, const uint8_t *row, int32_t place, int32_t bytes)
{
    const uint8_t *from = row + place * bytes;
    if (bytes >= 16)
    {
        memcpy(to, from, (size_t)bytes);
        return;
    }
    for (int32_t i = 0; i < bytes; i++)
    {
        to[i] = from[i];
    }
}

#endif
