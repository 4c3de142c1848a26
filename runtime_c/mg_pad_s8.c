/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_pad_s8.h"
#include "mg_support.h"

/* Padding in up to six dimensions. */
void mg_pad_s8(const mg_pad_s8_params *params, const int8_t *input, int8_t *restrict output)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t run = params->input_dims[last];
    int32_t strides[MG_MAX_RANK];
    int32_t index[MG_MAX_RANK] = {0};
    int32_t size = 1;
    int32_t start = 0;
    bool empty = false;
    for (int32_t d = last; d >= 0; d--)
    {
        strides[d] = size;
        start += params->before[d] * size;
        size *= params->before[d] + params->input_dims[d] + params->after[d];
        empty = empty || params->input_dims[d] < 1;
    }

    memset(output, params->value, (size_t)size);
    if (empty)
    {
        return;
    }
    do
    {
        memcpy(output + start + mg_index_offset(index, strides, last), input, (size_t)run);
        input += run;
    } while (mg_next_index(index, params->input_dims, last));
}
