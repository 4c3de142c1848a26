/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"
#include "mg_float.h"

/* Division with broadcasting and a clamp. The output may be an input of its own strides. */
void mg_div_f32(const mg_arithmetic_f32_params *params, const float *input_1, const float *input_2, float *output)
{
    MG_BROADCAST(params, float, input_1, input_2, output,
                 mg_clamp_f32(a / b, params->low, params->high));
}
