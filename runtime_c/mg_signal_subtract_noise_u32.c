/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <stddef.h>
#include <string.h>

/*
 * Takes a running estimate of their noise off the signals of `channels` channels. From frame to frame the noise moves
 * towards the signal by `smoothing` / 2^`bits`, in odd channels by `alternate`; it has `smoothing_bits` more bits.
 * At least `remaining` / 2^`bits` of a signal stays. `output` may be `input`. The noise before the first frame is
 * `kept`, which is what is left behind the last one, or none without it.
 */
void mg_signal_subtract_noise_u32(const uint32_t *input, uint32_t *output, uint32_t *noise, uint32_t *kept,
                                  int32_t frames, int32_t channels, int32_t smoothing, int32_t alternate,
                                  int32_t smoothing_bits, int32_t remaining, int32_t clamping, int32_t bits)
{
    for (int32_t i = 0; i < frames; i++)
    {
        for (int32_t j = 0; j < channels; j++)
        {
            const uint32_t share = (uint32_t)((j & 1) == 0 ? smoothing : alternate);
            const uint32_t rest = ((uint32_t)1 << bits) - share;
            const uint32_t first = kept != NULL ? kept[j] : 0u;
            const uint32_t before = i > 0 ? noise[j - channels] : first;
            const uint32_t signal = input[j];
            const uint32_t scaled = signal << smoothing_bits;
            const uint32_t found = (uint32_t)(((uint64_t)scaled * share + (uint64_t)before * rest) >> bits);
            const uint32_t taken = found > scaled ? scaled : found;
            const uint32_t least = (uint32_t)(((uint64_t)signal * (uint32_t)remaining) >> bits);
            const uint32_t cleaned = (scaled - taken) >> smoothing_bits;
            output[j] = cleaned > least ? cleaned : least;
            noise[j] = clamping != 0 ? taken : found;
        }
        input += channels;
        output += channels;
        noise += channels;
    }
    if (kept != NULL)
    {
        memcpy(kept, noise - channels, (size_t)channels * sizeof(*kept));
    }
}
