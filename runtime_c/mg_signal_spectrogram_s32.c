/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_signal_scale.h"
#include "mg_signal_spectrogram.h"
#include "mg_square_root.h"

#define MG_SAMPLE int32_t
#define MG_PRODUCT int64_t
#define MG_FRACTION 31
#include "mg_signal_rfft.h"

/* Bits that energies lose. */
#define MG_SQUARES 12

static uint64_t mg_energy(const int32_t *bin)
{
    const uint64_t squares = (uint64_t)((int64_t)bin[0] * bin[0]) + (uint64_t)((int64_t)bin[1] * bin[1]);
    return squares >> MG_SQUARES;
}

/*
 * The magnitudes of bands of overlapping frames of samples, see mg_signal_spectrogram_s16, in 32 bits: the window
 * does not shift, frames fill 30 bits, and magnitudes have the scale of what went in.
 */
void mg_signal_spectrogram_s32(const int16_t *input, const int16_t *window, const int16_t *weights,
                               const int16_t *unweights, const int16_t *first_bins, const int16_t *first_weights,
                               const int16_t *widths, uint32_t *output, const int16_t *order,
                               const int32_t *twiddles, const int32_t *splits, const int16_t *stages,
                               const mg_signal_spectrogram_params *params, void *scratch)
{
    int32_t *frame = (int32_t *)scratch;
    int32_t *spectrum = frame + params->spectrum / 4;
    for (int32_t i = 0; i < params->frames; i++)
    {
        int32_t largest = 0;
        for (int32_t j = 0; j < params->length; j++)
        {
            frame[j] = (int32_t)input[j] * window[j];
            largest = mg_max(largest, frame[j] < 0 ? -frame[j] : frame[j]);
        }
        const int32_t bits = mg_headroom(largest, 29);
        for (int32_t j = 0; j < params->length; j++)
        {
            frame[j] = mg_wrap_shift_left(frame[j], bits);
        }
        mg_fft_frame(frame, params->length, spectrum, params->fft_length / 2, order, twiddles, splits, stages,
                     params->stages);
        uint64_t carried = 0;
        for (int32_t j = 0; j <= params->channels; j++)
        {
            const int32_t *bin = spectrum + 2 * first_bins[j];
            uint64_t rising = carried;
            carried = 0;
            for (int32_t k = 0; k < widths[j]; k++)
            {
                const uint64_t energy = mg_energy(bin + 2 * k);
                rising += energy * (uint64_t)weights[first_weights[j] + k];
                carried += energy * (uint64_t)unweights[first_weights[j] + k];
            }
            if (j > 0)
            {
                output[j - 1] = mg_square_root(rising) >> bits;
            }
        }
        input += params->hop;
        output += params->channels;
    }
}
