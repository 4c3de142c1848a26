/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#define MG_SAMPLE int32_t
#define MG_PRODUCT int64_t
#define MG_FRACTION 31
#include "mg_signal_irfft.h"

/* The `fft_length` samples of each of `frames` rows of `fft_length` / 2 + 1 bins. */
void mg_signal_irfft_s32(const int32_t *input, int32_t *output, const int16_t *places, const int32_t *twiddles,
                        const int32_t *splits, const int16_t *stages, int32_t frames, int32_t fft_length,
                        int32_t stage_count)
{
    for (int32_t i = 0; i < frames; i++)
    {
        mg_ifft_frame(input, output, fft_length / 2, places, twiddles, splits, stages, stage_count);
        input += fft_length + 2;
        output += fft_length;
    }
}
