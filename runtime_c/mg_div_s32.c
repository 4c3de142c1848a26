/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* Towards zero; 0 by 0. */
static int32_t quotient(int32_t a, int32_t b)
{
    if (b == 0)
    {
        return 0;
    }
    return b == -1 ? mg_wrap_sub(0, a) : a / b;
}

/* Division with broadcasting. The output may be an input of its own strides. */
void mg_div_s32(const mg_broadcast *loops, const int32_t *input_1, const int32_t *input_2, int32_t *output)
{
    MG_BROADCAST(loops, int32_t, input_1, input_2, output,
                 quotient(a, b));
}
