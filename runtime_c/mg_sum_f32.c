/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_reduce.h"
#include "mg_support.h"

static float reduced(const mg_reduce_f32_params *params, const float *input)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t stride = params->reduced_strides[last];
    int32_t index[MG_MAX_RANK] = {0};
    float result = 0.0f;
    do
    {
        const float *x = input + mg_index_offset(index, params->reduced_strides, last);
        float part = 0.0f; /* of one row: long sums of floats lose less so */
        for (int32_t i = 0; i < params->reduced_dims[last]; i++)
        {
            part += x[i * stride];
        }
        result += part;
    } while (mg_next_index(index, params->reduced_dims, last));
    return result;
}

/* Sum over any dimensions, or mean: times a factor. */
void mg_sum_f32(const mg_reduce_f32_params *params, const float *input, float *restrict output)
{
    int32_t index[MG_MAX_RANK] = {0};
    do
    {
        const float *first = input + mg_index_offset(index, params->kept_strides, MG_MAX_RANK);
        *output++ = reduced(params, first) * params->factor;
    } while (mg_next_index(index, params->kept_dims, MG_MAX_RANK));
}
