/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_add_s16.h"
#include "mg_broadcast.h"

/* Addition with broadcasting; zero points are 0. The output may be an input of its own strides. */
void mg_add_s16(const mg_add_s8_params *params, const int16_t *input_1, const int16_t *input_2, int16_t *output)
{
    const mg_add_s8_quant *quant = &params->quant;
    MG_BROADCAST(params, int16_t, input_1, input_2, output,
                 mg_unscaled_s16(quant, mg_wrap_add(mg_scaled_1_s16(quant, a), mg_scaled_2_s16(quant, b))));
}
