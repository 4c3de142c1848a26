/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#define MG_SAMPLE int32_t
#define MG_PRODUCT int64_t
#define MG_FRACTION 31
#include "mg_signal_rfft.h"

/* The `fft_length` / 2 + 1 bins of each of `frames` rows of `length` samples. */
void mg_signal_rfft_s32(const int32_t *input, int32_t *output, const int16_t *order, const int32_t *twiddles,
                       const int32_t *splits, const int16_t *stages, int32_t frames, int32_t length,
                       int32_t fft_length, int32_t stage_count)
{
    for (int32_t i = 0; i < frames; i++)
    {
        mg_fft_frame(input, length, output, fft_length / 2, order, twiddles, splits, stages, stage_count);
        input += length;
        output += fft_length + 2;
    }
}
