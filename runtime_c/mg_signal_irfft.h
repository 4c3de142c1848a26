/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back from a spectrum in fixed point, for the kernel that includes this file after defining what
 * mg_signal_rfft.h needs.
 */
#ifndef MG_SIGNAL_IRFFT_H
#define MG_SIGNAL_IRFFT_H

#define MG_INVERSE 1
#include "mg_signal_rfft.h"

/* The 2 * `half` samples of one frame whose spectrum is `input`. `places` says where each pair of them stands first. */
static inline void mg_ifft_frame(const MG_SAMPLE *input, MG_SAMPLE *output, int32_t half, const int16_t *places,
                                 const MG_SAMPLE *twiddles, const MG_SAMPLE *splits, const int16_t *stages,
                                 int32_t stage_count)
{
    const MG_SAMPLE part = mg_fft_part(2);
    const MG_SAMPLE *low = input;
    const MG_SAMPLE *high = input + 2 * half;
    MG_SAMPLE *x = output + 2 * places[0];
    x[0] = (MG_SAMPLE)mg_fft_times((MG_SAMPLE)mg_wrap_add(low[0], high[0]), part);
    x[1] = (MG_SAMPLE)mg_fft_times((MG_SAMPLE)mg_wrap_sub(low[0], high[0]), part);
    for (int32_t k = 1; k <= half / 2; k++)
    {
        low += 2;
        high -= 2;
        const int32_t low0 = mg_fft_times(low[0], part);
        const int32_t low1 = mg_fft_times(low[1], part);
        const int32_t high0 = mg_fft_times(high[0], part);
        const int32_t high1 = mg_fft_times((MG_SAMPLE)mg_wrap_sub(0, high[1]), part);
        const MG_SAMPLE sum0 = (MG_SAMPLE)mg_wrap_add(low0, high0);
        const MG_SAMPLE sum1 = (MG_SAMPLE)mg_wrap_add(low1, high1);
        int32_t turned[2];
        mg_fft_turn((MG_SAMPLE)mg_wrap_sub(low0, high0), (MG_SAMPLE)mg_wrap_sub(low1, high1), splits, turned);
        x = output + 2 * places[k];
        x[0] = (MG_SAMPLE)mg_wrap_add(sum0, turned[0]);
        x[1] = (MG_SAMPLE)mg_wrap_add(sum1, turned[1]);
        /* The middle of an even half is its own mirror image; that one is the one that stays. */
        x = output + 2 * places[half - k];
        x[0] = (MG_SAMPLE)mg_wrap_sub(sum0, turned[0]);
        x[1] = (MG_SAMPLE)mg_wrap_sub(turned[1], sum1);
        splits += 2;
    }
    mg_fft_stages(output, half, twiddles, stages, stage_count);
}

#endif
