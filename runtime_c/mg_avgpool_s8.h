/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Average pooling of one output position in two steps, so that input rows can be fed one at a time: add
 * each row's part of the window to sums that start at zero, then divide.
 */
#ifndef MG_AVGPOOL_S8_H
#define MG_AVGPOOL_S8_H

#include "mg_support.h"

/* Adds `columns` neighbouring positions of a row, `channels` values each, to the sums. */
static inline void mg_avgpool_add_s8(int32_t *restrict sums, const int8_t *row, int32_t columns,
                                     int32_t channels)
{
    for (int32_t x = 0; x < columns; x++)
    {
        for (int32_t c = 0; c < channels; c++)
        {
            sums[c] = mg_wrap_add(sums[c], row[c]);
        }
        row += channels;
    }
}

/* The mean of `count` values from each sum, a half rounded away from zero. */
static inline void mg_avgpool_finish_s8(const int32_t *sums, int32_t count, int32_t channels,
                                        const cmsis_nn_activation *activation, int8_t *restrict output)
{
    const int32_t half = count / 2;
    for (int32_t c = 0; c < channels; c++)
    {
        const int32_t sum = sums[c] > 0 ? mg_wrap_add(sums[c], half) : mg_wrap_sub(sums[c], half);
        output[c] = (int8_t)mg_clamp(sum / count, activation->min, activation->max);
    }
}

#endif
