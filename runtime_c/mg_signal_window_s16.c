/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* Each of `frames` rows of `length` samples times `weights`, shifted right; `output` may be `input`. */
void mg_signal_window_s16(const int16_t *input, const int16_t *weights, int16_t *output, int32_t frames,
                          int32_t length, int32_t shift)
{
    for (int32_t i = 0; i < frames; i++)
    {
        for (int32_t j = 0; j < length; j++)
        {
            output[j] = (int16_t)mg_clamp((int32_t)input[j] * weights[j] >> shift, INT16_MIN, INT16_MAX);
        }
        input += length;
        output += length;
    }
}
