/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_gather.h"
#include "mg_gather_nd.h"

/*
 * The part of the input that each tuple of indices names. Indices below 0 count from the end; those outside of a
 * dimension give the nearest inside.
 */
void mg_gather_nd(const mg_gather_nd_params *params, const void *input, const void *indices, void *output)
{
    const uint8_t *from = (const uint8_t *)input;
    uint8_t *to = (uint8_t *)output;
    int32_t next = 0;
    for (int32_t batch = 0; batch < params->batches; batch++)
    {
        for (int32_t i = 0; i < params->count; i++)
        {
            int32_t position = 0;
            for (int32_t d = 0; d < params->depth; d++)
            {
                const int64_t index =
                    params->wide != 0 ? ((const int64_t *)indices)[next] : ((const int32_t *)indices)[next];
                const int32_t length = params->lengths[d];
                const int64_t place = index < 0 ? index + length : index;
                position = position * length + (place < 0 ? 0 : place >= length ? length - 1 : (int32_t)place);
                next++;
            }
            mg_take(to, from, position, params->bytes);
            to += params->bytes;
        }
        from += params->positions * params->bytes;
    }
}
