/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* `length` numbers less `zero_point` times multiplier / 2^shift, rounded once, plus `offset`. */
void mg_signal_rescale_s8(const int16_t *input, int8_t *output, int32_t length, int32_t zero_point,
                          int32_t multiplier, int32_t shift, int32_t offset)
{
    const int64_t half = (int64_t)1 << (shift - 1);
    for (int32_t i = 0; i < length; i++)
    {
        const int64_t scaled = (((int64_t)(input[i] - zero_point) * multiplier + half) >> shift) + offset;
        output[i] = (int8_t)(scaled > INT8_MAX ? INT8_MAX : scaled < INT8_MIN ? INT8_MIN : scaled);
    }
}
