/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* Whether a or b. The output may be an input of its own strides. */
void mg_logical_or(const mg_broadcast *loops, const bool *input_1, const bool *input_2, bool *output)
{
    MG_BROADCAST(loops, bool, input_1, input_2, output,
                 a || b);
}
