/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_MVE

#include "mg_finish_s16.h"

/* `count` vectors that lie x_step elements apart times a matrix: `units` outputs each. */
void mg_matrix_s16(const mg_matrix_s16_params *params, const int16_t *x, int32_t count, int32_t x_step,
                   int16_t *output)
{
    const int32_t depth = params->depth;
    const int32_t units = params->units;
    for (int32_t vector = 0; vector < count; vector++)
    {
        const int8_t *weights = params->weights;
        int32_t together;
        for (int32_t unit = 0; unit < units; unit += together)
        {
            int64_t sums[4] = {0, 0, 0, 0};
            together = mg_min(units - unit, 4);
            mg_dots_s16(sums, x, weights, depth, together, depth);
            for (int32_t i = 0; i < together; i++)
            {
                output[unit + i] = mg_finish_s16(params, unit + i, sums[i]);
            }
            weights += together * depth;
        }
        x += x_step;
        output += params->output_step;
    }
}

#endif
