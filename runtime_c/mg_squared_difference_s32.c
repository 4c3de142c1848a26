/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* (a - b)^2 modulo 2^32 with broadcasting. The output may be an input of its own strides. */
void mg_squared_difference_s32(const mg_broadcast *loops, const int32_t *input_1, const int32_t *input_2,
                               int32_t *output)
{
    MG_BROADCAST(loops, int32_t, input_1, input_2, output,
                 mg_wrap_mul(mg_wrap_sub(a, b), mg_wrap_sub(a, b)));
}
