/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_add_s8.h"
#include "mg_broadcast.h"

static int8_t squared_difference(const mg_add_s8_quant *quant, int8_t a, int8_t b)
{
    const int32_t difference = mg_wrap_sub(mg_scaled_1(quant, a), mg_scaled_2(quant, b));
    const int32_t scaled =
        mg_requantize(mg_wrap_mul(difference, difference), quant->output_multiplier, quant->output_shift);
    const int32_t value = mg_wrap_add(scaled, quant->output_offset);
    return (int8_t)mg_clamp(value, quant->activation.min, quant->activation.max);
}

/* (a - b)^2 with broadcasting, both at one scale. The output may be an input of its own strides. */
void mg_squared_difference_s8(const mg_add_s8_params *params, const int8_t *input_1, const int8_t *input_2,
                              int8_t *output)
{
    MG_BROADCAST(params, int8_t, input_1, input_2, output, squared_difference(&params->quant, a, b));
}
