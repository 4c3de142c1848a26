/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

/* Copies one input of a concatenation along y, the second dimension from within, to offset_y. */
void arm_concatenation_s8_y(const int8_t *input, const uint16_t input_x, const uint16_t input_y,
                            const uint16_t input_z, const uint16_t input_w, int8_t *output,
                            const uint16_t output_y, const uint32_t offset_y)
{
    const uint32_t planes = (uint32_t)input_z * input_w;
    const uint32_t from_step = (uint32_t)input_x * input_y;
    const uint32_t to_step = (uint32_t)input_x * output_y;
    output += offset_y * input_x;
    for (uint32_t i = 0; i < planes; i++)
    {
        memcpy(output, input, from_step);
        input += from_step;
        output += to_step;
    }
}
