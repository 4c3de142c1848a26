/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* The larger element, or the smaller one. The output may be an input of its own strides. */
void mg_extreme_s64(const mg_broadcast *loops, const int64_t *input_1, const int64_t *input_2, int64_t *output,
                    int32_t largest)
{
    MG_BROADCAST(loops, int64_t, input_1, input_2, output,
                 (a > b) == (largest != 0) ? a : b);
}
