/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/*
 * The sums of the squares of `bins` pairs in each of `frames` rows, for the bins from `start` to before `end`; the
 * other ones are 0.
 */
void mg_signal_energy_s16(const int16_t *input, uint32_t *output, int32_t frames, int32_t bins, int32_t start,
                          int32_t end)
{
    for (int32_t i = 0; i < frames; i++)
    {
        for (int32_t j = 0; j < bins; j++)
        {
            const int32_t real = input[2 * j];
            const int32_t imaginary = input[2 * j + 1];
            const bool inside = j >= start && j < end;
            output[j] = inside ? (uint32_t)(real * real) + (uint32_t)(imaginary * imaginary) : 0u;
        }
        input += 2 * bins;
        output += bins;
    }
}
