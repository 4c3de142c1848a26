/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_reduce.h"
#include "mg_support.h"

static int8_t reduced(const mg_reduce_s8_params *params, const int8_t *input)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t stride = params->reduced_strides[last];
    int32_t index[MG_MAX_RANK] = {0};
    int8_t result = input[0];
    do
    {
        const int8_t *x = input + mg_index_offset(index, params->reduced_strides, last);
        for (int32_t i = 0; i < params->reduced_dims[last]; i++)
        {
            result = x[i * stride] < result ? x[i * stride] : result;
        }
    } while (mg_next_index(index, params->reduced_dims, last));
    return result;
}

/* Smallest element over any dimensions. */
void mg_reduce_min_s8(const mg_reduce_s8_params *params, const int8_t *input, int8_t *restrict output)
{
    int32_t index[MG_MAX_RANK] = {0};
    do
    {
        const int8_t *first = input + mg_index_offset(index, params->kept_strides, MG_MAX_RANK);
        *output++ = reduced(params, first);
    } while (mg_next_index(index, params->kept_dims, MG_MAX_RANK));
}
