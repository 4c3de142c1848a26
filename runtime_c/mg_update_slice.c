/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_support.h"
#include "mg_update_slice.h"

/* Puts an update into a tensor from the place on that `start` says, or the nearest at which it lies inside. */
void mg_update_slice(const mg_update_slice_params *params, const void *update, const void *start, void *output)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t unused = MG_MAX_RANK - params->rank;
    const uint8_t *from = (const uint8_t *)update;
    uint8_t *first = (uint8_t *)output;
    int32_t index[MG_MAX_RANK] = {0};
    for (int32_t i = unused; i < MG_MAX_RANK; i++)
    {
        const int64_t wanted =
            params->wide != 0 ? ((const int64_t *)start)[i - unused] : ((const int32_t *)start)[i - unused];
        const int64_t most = params->most[i];
        const int64_t place = wanted < 0 ? 0 : wanted > most ? most : wanted;
        first += (int32_t)place * params->strides[i];
    }
    do
    {
        memcpy(first + mg_index_offset(index, params->strides, last), from, (size_t)params->bytes);
        from += params->bytes;
    } while (mg_next_index(index, params->dims, last));
}
