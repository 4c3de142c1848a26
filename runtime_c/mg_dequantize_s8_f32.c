/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/*
 * int8 to float. The difference is exact in a float and the product is rounded once, as when it is
 * computed in double precision and then converted.
 */
void mg_dequantize_s8_f32(const int8_t *input, float *output, int32_t size, float scale, int32_t zero_point)
{
    for (int32_t i = 0; i < size; i++)
    {
        output[i] = scale * (float)(input[i] - zero_point);
    }
}
