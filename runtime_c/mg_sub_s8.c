/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_add_s8.h"
#include "mg_broadcast.h"

/* Subtraction with broadcasting, by the arithmetic of mg_add_s8. The output may be an input of its own strides. */
void mg_sub_s8(const mg_add_s8_params *params, const int8_t *input_1, const int8_t *input_2, int8_t *output)
{
    MG_BROADCAST(params, int8_t, input_1, input_2, output,
                 mg_requantize_s8(mg_wrap_sub(mg_scaled_1(&params->quant, a), mg_scaled_2(&params->quant, b)),
                                  params->quant.output_multiplier, params->quant.output_shift,
                                  params->quant.output_offset, &params->quant.activation));
}
