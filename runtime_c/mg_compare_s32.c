/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* Whether a is less than (1), equal to (2) or greater than (4) b, of those in `accepts`. */
void mg_compare_s32(const mg_broadcast *loops, const int32_t *input_1, const int32_t *input_2, bool *output,
                    int32_t accepts)
{
    MG_BROADCAST(loops, int32_t, input_1, input_2, output,
                 (accepts & (a < b ? 1 : a == b ? 2 : 4)) != 0);
}
