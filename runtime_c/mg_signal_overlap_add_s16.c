/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_support.h"

/*
 * For each of `rows` streams, `frames` frames of `size` samples are added to what is `kept` of the ones before, and the
 * first `step` sums of each come out. Sums end at the limits of the type.
 */
void mg_signal_overlap_add_s16(const int16_t *input, int16_t *kept, int16_t *output, int32_t rows, int32_t frames,
                               int32_t size, int32_t step)
{
    const size_t sample = sizeof(*input);
    for (int32_t i = 0; i < rows; i++)
    {
        for (int32_t j = 0; j < frames; j++)
        {
            for (int32_t k = 0; k < size; k++)
            {
                kept[k] = (int16_t)mg_clamp((int32_t)kept[k] + input[k], INT16_MIN, INT16_MAX);
            }
            memcpy(output, kept, (size_t)step * sample);
            memmove(kept, kept + step, (size_t)(size - step) * sample);
            memset(kept + (size - step), 0, (size_t)step * sample);
            input += size;
            output += step;
        }
        kept += size;
    }
}
