/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_mean_s8.h"
#include "mg_support.h"

static int32_t sum_from(const mg_mean_s8_params *params, const int16_t *input)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t stride = params->reduced_strides[last];
    int32_t index[MG_MAX_RANK] = {0};
    int32_t sum = 0;
    do
    {
        const int16_t *x = input + mg_index_offset(index, params->reduced_strides, last);
        for (int32_t i = 0; i < params->reduced_dims[last]; i++)
        {
            sum = mg_wrap_add(sum, x[i * stride]);
        }
    } while (mg_next_index(index, params->reduced_dims, last));
    return sum;
}

/* Mean over any dimensions; zero points are 0. */
void mg_mean_s16(const mg_mean_s8_params *params, const int16_t *input, int16_t *restrict output)
{
    int32_t index[MG_MAX_RANK] = {0};
    do
    {
        const int32_t sum = sum_from(params, input + mg_index_offset(index, params->kept_strides, MG_MAX_RANK));
        const int32_t value = mg_requantize(sum, params->multiplier, params->shift);
        *output++ = (int16_t)mg_clamp(value, INT16_MIN, INT16_MAX);
    } while (mg_next_index(index, params->kept_dims, MG_MAX_RANK));
}
