/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_SIGNAL_SPECTROGRAM_H
#define MG_SIGNAL_SPECTROGRAM_H

#include <stdint.h>

/*
 * `frames` frames of `length` samples, one every `hop` samples; their window's `shift`; a transform of `fft_length`
 * samples in so many stages; `channels` bands. The spectrum begins `spectrum` bytes into the scratch.
 */
typedef struct
{
    int32_t frames;
    int32_t hop;
    int32_t length;
    int32_t shift;
    int32_t fft_length;
    int32_t stages;
    int32_t channels;
    int32_t spectrum;
} mg_signal_spectrogram_params;

#endif
