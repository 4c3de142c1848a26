/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_support.h"

/*
 * `kept`, the last `frames` frames of `channels` features, goes on by one; at first all are the first one. A stack is
 * what is kept then, if no frames are to be waited for, which `wait` begins with; `step` frames later is the next one.
 */
void mg_signal_stacker_s16(const int16_t *input, int16_t *kept, int32_t *wait, int16_t *output, bool *valid,
                           int32_t channels, int32_t frames, int32_t step)
{
    const size_t frame = (size_t)channels * sizeof(*input);
    const int32_t stay = (frames - 1) * channels;
    if (wait[1] != 0)
    {
        memmove(kept, kept + channels, (size_t)stay * sizeof(*input));
        memcpy(kept + stay, input, frame);
    }
    else
    {
        for (int32_t i = 0; i < frames; i++)
        {
            memcpy(kept + i * channels, input, frame);
        }
    }
    wait[1] = 1;
    *valid = wait[0] <= 0;
    if (wait[0] > 0)
    {
        wait[0]--;
        memset(output, 0, (size_t)frames * frame);
    }
    else
    {
        wait[0] = step - 1;
        memcpy(output, kept, (size_t)frames * frame);
    }
}
