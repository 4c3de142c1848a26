/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* Whether x is not a number. */
void mg_is_nan_f32(const float *input, bool *output, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = input[i] != input[i];
    }
}
