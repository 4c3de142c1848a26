/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/*
 * The energies of `bins` bins in each of `frames` rows, gathered into `channels` bands. Part i of the spectrum, from
 * `first_bins[i]` on, `widths[i]` bins, adds to band i - 1 with the weights from `first_weights[i]` on and to band i
 * with the unweights. No weight is negative.
 */
void mg_signal_filter_bank_u32(const uint32_t *input, const int16_t *weights, const int16_t *unweights,
                               const int16_t *first_bins, const int16_t *first_weights, const int16_t *widths,
                               uint64_t *output, int32_t frames, int32_t bins, int32_t channels)
{
    for (int32_t i = 0; i < frames; i++)
    {
        uint64_t carried = 0;
        for (int32_t j = 0; j <= channels; j++)
        {
            const uint32_t *energy = input + first_bins[j];
            const int16_t *weight = weights + first_weights[j];
            const int16_t *unweight = unweights + first_weights[j];
            uint64_t rising = carried;
            uint64_t falling = 0;
            for (int32_t k = 0; k < widths[j]; k++)
            {
                const uint32_t up = (uint32_t)weight[k];
                const uint32_t down = (uint32_t)unweight[k];
                rising += (uint64_t)energy[k] * up;
                falling += (uint64_t)energy[k] * down;
            }
            if (j > 0)
            {
                output[j - 1] = rising;
            }
            carried = falling;
        }
        input += bins;
        output += channels;
    }
}
