/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_add_s16.h"
#include "mg_broadcast.h"

static int16_t squared_difference(const mg_add_s8_quant *quant, int16_t a, int16_t b)
{
    const int32_t difference = mg_wrap_sub(mg_scaled_1_s16(quant, a), mg_scaled_2_s16(quant, b));
    return mg_unscaled_s16(quant, mg_wrap_mul(difference, difference));
}

/* (a - b)^2 with broadcasting, both at one scale. The output may be an input of its own strides. */
void mg_squared_difference_s16(const mg_add_s8_params *params, const int16_t *input_1, const int16_t *input_2,
                               int16_t *output)
{
    MG_BROADCAST(params, int16_t, input_1, input_2, output, squared_difference(&params->quant, a, b));
}
