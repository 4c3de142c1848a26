/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_signal_scale.h"

/*
 * Shifts each of `frames` rows of `length` samples left until its largest magnitude fills 15 bits; `bits` are the
 * shifts. `output` may be `input`.
 */
void mg_signal_fft_auto_scale_s16(const int16_t *input, int16_t *output, int32_t *bits, int32_t frames,
                                  int32_t length)
{
    for (int32_t i = 0; i < frames; i++)
    {
        const int32_t count = mg_headroom(mg_largest(input, length), 14);
        for (int32_t j = 0; j < length; j++)
        {
            output[j] = (int16_t)mg_wrap_shift_left(input[j], count);
        }
        bits[i] = count;
        input += length;
        output += length;
    }
}
