/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

/* Copies one input of a concatenation along w, the outermost dimension, to offset_w. */
void arm_concatenation_s8_w(const int8_t *input, const uint16_t input_x, const uint16_t input_y,
                            const uint16_t input_z, const uint16_t input_w, int8_t *output,
                            const uint32_t offset_w)
{
    const uint32_t block = (uint32_t)input_x * input_y * input_z;
    memcpy(output + offset_w * block, input, block * input_w);
}
