/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_gather.h"

/*
 * From each of `outer` rows of `length` pieces of `bytes` bytes those that `count` indices name, and that for each of
 * `batches`, which have indices of their own. Indices below 0 count from the end; those outside of a row give its
 * nearest piece.
 */
void mg_gather_s32(const void *input, const int32_t *indices, void *output, int32_t batches, int32_t outer,
                   int32_t length, int32_t bytes, int32_t count)
{
    const uint8_t *row = (const uint8_t *)input;
    uint8_t *to = (uint8_t *)output;
    for (int32_t batch = 0; batch < batches; batch++)
    {
        for (int32_t i = 0; i < outer; i++)
        {
            for (int32_t j = 0; j < count; j++)
            {
                const int32_t index = indices[j];
                const int32_t place = index < 0 ? index + length : index;
                const int32_t last = length - 1;
                mg_take(to, row, place < 0 ? 0 : place > last ? last : (int32_t)place, bytes);
                to += bytes;
            }
            row += length * bytes;
        }
        indices += count;
    }
}
