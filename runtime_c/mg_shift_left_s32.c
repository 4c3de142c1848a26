/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* a * 2^b modulo 2^32; 0 unless b is 0 to 31. The output may be an input of its own strides. */
void mg_shift_left_s32(const mg_broadcast *loops, const int32_t *input_1, const int32_t *input_2, int32_t *output)
{
    MG_BROADCAST(loops, int32_t, input_1, input_2, output,
                 b < 0 || b > 31 ? 0 : mg_wrap_shift_left(a, b));
}
