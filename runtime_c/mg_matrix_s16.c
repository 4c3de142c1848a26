/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_matrix_s16.h"
#include "mg_requantize_s64.h"

/* The bias of a unit; there is one. */
static int64_t bias_of(const mg_matrix_s16_params *params, int32_t unit)
{
    return params->narrow != 0 ? ((const int32_t *)params->bias)[unit] : ((const int64_t *)params->bias)[unit];
}

/* One vector times a matrix: `units` outputs. */
void mg_matrix_s16(const mg_matrix_s16_params *params, const int16_t *x, int16_t *output)
{
    const int32_t depth = params->depth;
    const int32_t units = params->units;
    const int8_t *weights = params->weights;
    int32_t count;
    for (int32_t unit = 0; unit < units; unit += count)
    {
        int64_t sums[4] = {0, 0, 0, 0};
        count = unit + 4 <= units ? 4 : 1;
        if (params->bias != NULL)
        {
            for (int32_t i = 0; i < count; i++)
            {
                sums[i] = bias_of(params, unit + i);
            }
        }
        mg_dots_s16(sums, x, weights, depth, count, depth);
        for (int32_t i = 0; i < count; i++)
        {
            const int32_t at = (unit + i) * params->quant_step;
            const int32_t multiplier = params->multiplier[at];
            const int32_t shift = params->shift[at];
            const int32_t value = params->narrow != 0
                                      ? mg_requantize((int32_t)(uint32_t)(uint64_t)sums[i], multiplier, shift)
                                      : mg_requantize_s64(sums[i], multiplier, shift);
            *output++ = mg_to_activation_s16(value, &params->activation);
        }
        weights += count * depth;
    }
}
