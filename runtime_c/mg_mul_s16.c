/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"
#include "mg_mul_s16.h"

/* Multiplication with broadcasting; zero points are 0. The output may be an input of its own strides. */
void mg_mul_s16(const mg_mul_s8_params *params, const int16_t *input_1, const int16_t *input_2, int16_t *output)
{
    MG_BROADCAST(params, int16_t, input_1, input_2, output, mg_mul_one_s16(&params->quant, a, b));
}
