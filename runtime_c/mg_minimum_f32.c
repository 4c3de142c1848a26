/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* The smaller element; what is not a number wins. The output may be an input of its own strides. */
void mg_minimum_f32(const mg_broadcast *loops, const float *input_1, const float *input_2, float *output)
{
    MG_BROADCAST(loops, float, input_1, input_2, output,
                 a < b || a != a ? a : b);
}
