/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"

/* The larger element, in up to six dimensions. The output may be an input of its own strides. */
void mg_maximum_s16(const mg_broadcast *loops, const int16_t *input_1, const int16_t *input_2, int16_t *output)
{
    MG_BROADCAST(loops, int16_t, input_1, input_2, output, a > b ? a : b);
}
