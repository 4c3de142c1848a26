/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_signal_scale.h"
#include "mg_signal_spectrogram.h"
#include "mg_square_root.h"

#define MG_SAMPLE int16_t
#define MG_PRODUCT int32_t
#define MG_FRACTION 15
#include "mg_signal_rfft.h"

static uint32_t mg_energy(const int16_t *bin)
{
    return (uint32_t)(bin[0] * bin[0]) + (uint32_t)(bin[1] * bin[1]);
}

/*
 * The magnitudes of bands of overlapping frames of samples: window, scale, transform, energies, bands, square roots.
 * The bands' tables are those of mg_signal_filter_bank_u32, the transform's those of mg_signal_rfft_s16.
 */
void mg_signal_spectrogram_s16(const int16_t *input, const int16_t *window, const int16_t *weights,
                               const int16_t *unweights, const int16_t *first_bins, const int16_t *first_weights,
                               const int16_t *widths, uint32_t *output, const int16_t *order,
                               const int16_t *twiddles, const int16_t *splits, const int16_t *stages,
                               const mg_signal_spectrogram_params *params, void *scratch)
{
    int16_t *frame = (int16_t *)scratch;
    int16_t *spectrum = frame + params->spectrum / 2;
    for (int32_t i = 0; i < params->frames; i++)
    {
        for (int32_t j = 0; j < params->length; j++)
        {
            frame[j] = (int16_t)mg_clamp((int32_t)input[j] * window[j] >> params->shift, INT16_MIN, INT16_MAX);
        }
        const int32_t bits = mg_headroom(mg_largest(frame, params->length), 14);
        for (int32_t j = 0; j < params->length; j++)
        {
            frame[j] = (int16_t)mg_wrap_shift_left(frame[j], bits);
        }
        mg_fft_frame(frame, params->length, spectrum, params->fft_length / 2, order, twiddles, splits, stages,
                     params->stages);
        uint64_t carried = 0;
        for (int32_t j = 0; j <= params->channels; j++)
        {
            const int16_t *bin = spectrum + 2 * first_bins[j];
            uint64_t rising = carried;
            carried = 0;
            for (int32_t k = 0; k < widths[j]; k++)
            {
                const uint32_t energy = mg_energy(bin + 2 * k);
                const uint32_t up = (uint32_t)weights[first_weights[j] + k];
                const uint32_t down = (uint32_t)unweights[first_weights[j] + k];
                rising += (uint64_t)energy * up;
                carried += (uint64_t)energy * down;
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
