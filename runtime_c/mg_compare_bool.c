/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* Whether a and b are equal, if `accepts` has 2, else whether they differ. The output may be an input of its own strides. */
void mg_compare_bool(const mg_broadcast *loops, const bool *input_1, const bool *input_2, bool *output,
                     int32_t accepts)
{
    const bool equal = (accepts & 2) != 0;
    MG_BROADCAST(loops, bool, input_1, input_2, output,
                 (a == b) == equal);
}
