/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_add_s8.h"
#include "mg_broadcast.h"

/* a > b, of quantized elements at one scale. The output may be an input of its own strides. */
void mg_greater_s8(const mg_add_s8_params *params, const int8_t *input_1, const int8_t *input_2, bool *output)
{
    MG_BROADCAST(params, int8_t, input_1, input_2, output,
                 mg_scaled_1(&params->quant, a) > mg_scaled_2(&params->quant, b));
}
