/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

/* x / (1 + |x|). The output may be the input. */
void mg_softsign_f32(const float *input, float *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        const float x = input[i];
        output[i] = x / (1.0f + fabsf(x));
    }
}
