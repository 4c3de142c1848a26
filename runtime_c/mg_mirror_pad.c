/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_mirror_pad.h"
#include "mg_support.h"

/* Which element of a dimension of `size` shows at `place`, which may lie before or behind it. */
static int32_t source(int32_t place, int32_t size, int32_t mode)
{
    const int32_t gap = mode == 0 ? 0 : 1;
    if (mode == 2)
    {
        return mg_clamp(place, 0, size - 1);
    }
    if (mode == 3)
    {
        return place < 0 ? place + size : place < size ? place : place - size;
    }
    if (place < 0)
    {
        return -place - gap;
    }
    return place < size ? place : 2 * size - 2 + gap - place;
}

/* A border of the tensor's own elements in up to six dimensions. */
void mg_mirror_pad(const mg_mirror_pad_params *params, const void *input, void *output)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t bytes = params->bytes;
    const int32_t size = params->dims[last];
    uint8_t *to = (uint8_t *)output;
    int32_t index[MG_MAX_RANK] = {0};
    int32_t whole[MG_MAX_RANK];
    for (int32_t d = 0; d < MG_MAX_RANK; d++)
    {
        whole[d] = params->before[d] + params->dims[d] + params->after[d];
    }
    do
    {
        int32_t row = 0;
        for (int32_t d = 0; d < last; d++)
        {
            row = row * params->dims[d] + source(index[d] - params->before[d], params->dims[d], params->mode);
        }
        const uint8_t *from = (const uint8_t *)input + row * size * bytes;
        for (int32_t i = -params->before[last]; i < 0; i++)
        {
            memcpy(to, from + source(i, size, params->mode) * bytes, (size_t)bytes);
            to += bytes;
        }
        memcpy(to, from, (size_t)(size * bytes));
        to += size * bytes;
        for (int32_t i = size; i < size + params->after[last]; i++)
        {
            memcpy(to, from + source(i, size, params->mode) * bytes, (size_t)bytes);
            to += bytes;
        }
    } while (mg_next_index(index, whole, last));
}
