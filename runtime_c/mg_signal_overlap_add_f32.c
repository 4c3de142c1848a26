/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

/*
 * For each of `rows` streams, `frames` frames of `size` samples are added to what is `kept` of the ones before, and the
 * first `step` sums of each come out.
 */
void mg_signal_overlap_add_f32(const float *input, float *kept, float *output, int32_t rows, int32_t frames,
                               int32_t size, int32_t step)
{
    const size_t sample = sizeof(*input);
    for (int32_t i = 0; i < rows; i++)
    {
        for (int32_t j = 0; j < frames; j++)
        {
            for (int32_t k = 0; k < size; k++)
            {
                kept[k] = kept[k] + input[k];
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
