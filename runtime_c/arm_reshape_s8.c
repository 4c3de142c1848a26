/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

/* A change of shape moves no value within the tensor: a copy, or nothing if the output is the input. */
void arm_reshape_s8(const int8_t *input, int8_t *output, const uint32_t total_size)
{
    if (output != input)
    {
        memcpy(output, input, total_size);
    }
}
