/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* a != b. */
void mg_not_equal_f32(const mg_broadcast *loops, const float *input_1, const float *input_2, bool *output)
{
    MG_BROADCAST(loops, float, input_1, input_2, output,
                 a != b);
}
