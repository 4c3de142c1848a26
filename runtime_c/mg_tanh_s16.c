/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_curve_s16.h"

/* tanh in Q0.15; `multiplier` and `shift` bring the input to the curve's unit. The output may be the input. */
void mg_tanh_s16(const int16_t *input, const uint16_t *table, int16_t *output, int32_t size, int32_t multiplier,
                 int32_t shift)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = (int16_t)mg_tanh_curve(table, mg_curve_argument(input[i], multiplier, shift));
    }
}
