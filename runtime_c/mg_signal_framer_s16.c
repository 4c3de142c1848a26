/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_support.h"

/*
 * Each of `rows` streams goes on by `frames` times `step` samples; after each step a frame of `size` samples is what
 * `kept`, the last `capacity` of the stream, begins with. The first `missing` frames of all are zeros and not valid.
 */
void mg_signal_framer_s16(const int16_t *input, int16_t *kept, int32_t *missing, int16_t *output, bool *valid,
                          int32_t rows, int32_t frames, int32_t size, int32_t step, int32_t capacity)
{
    const int32_t lacking = mg_max(*missing, 0);
    const size_t sample = sizeof(*input);
    const int32_t stay = capacity - step;
    for (int32_t i = 0; i < rows; i++)
    {
        for (int32_t j = 0; j < frames; j++)
        {
            memmove(kept, kept + step, (size_t)stay * sample);
            memcpy(kept + stay, input, (size_t)step * sample);
            if (j < lacking)
            {
                memset(output, 0, (size_t)size * sample);
            }
            else
            {
                memcpy(output, kept, (size_t)size * sample);
            }
            input += step;
            output += size;
        }
        kept += capacity;
    }
    *valid = lacking == 0;
    *missing = mg_max(lacking - frames, 0);
}
