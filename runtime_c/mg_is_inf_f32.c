/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* Whether x is one of two infinities; a bound that is not a number stands for none. */
void mg_is_inf_f32(const float *input, bool *output, int32_t size, float above, float below)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = input[i] == above || input[i] == below;
    }
}
