/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

#include "mg_broadcast.h"

/* a / b, rounded down. The output may be an input of its own strides. */
void mg_floor_div_f32(const mg_broadcast *loops, const float *input_1, const float *input_2, float *output)
{
    MG_BROADCAST(loops, float, input_1, input_2, output, floorf(a / b));
}
