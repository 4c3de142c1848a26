/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of four bits: two in a byte, the first in its low half. */
#ifndef MG_WEIGHTS_S4_H
#define MG_WEIGHTS_S4_H

#include "mg_dsp.h"
#include "mg_isa.h"
#include "mg_mve.h"
#include "mg_support.h"

#include <string.h>

/* The first and the second weight of a byte. */
static inline int32_t mg_low_s4(int32_t byte)
{
    return ((byte & 15) ^ 8) - 8;
}

static inline int32_t mg_high_s4(int32_t byte)
{
    return (((byte >> 4) & 15) ^ 8) - 8;
}

static inline int32_t mg_weight_s4(const int8_t *packed, int32_t index)
{
    const int32_t byte = packed[index >> 1];
    return (index & 1) != 0 ? mg_high_s4(byte) : mg_low_s4(byte);
}

/* How many positions a weight serves once it is unpacked. */
#define MG_S4_POSITIONS 4

/* `sums` with the products of one pair of weights added: of the first `values` of each position. */
static inline void mg_add_pair_s4(const int16_t *values, int32_t stride, int32_t byte, int32_t *sums)
{
    const int32_t low = mg_low_s4(byte);
    const int32_t high = mg_high_s4(byte);
#if MG_DSP
    const uint32_t weights = ((uint32_t)low & 0xffffu) | (uint32_t)high << 16;
    for (int32_t i = 0; i < MG_S4_POSITIONS; i++)
    {
        uint32_t pair;
        memcpy(&pair, values + i * stride, sizeof pair);
        sums[i] = mg_smlad(pair, weights, sums[i]);
    }
#else
    for (int32_t i = 0; i < MG_S4_POSITIONS; i++)
    {
        sums[i] += values[i * stride] * low + values[i * stride + 1] * high;
    }
#endif
}

#if MG_MVE
/* Where value `index` of `count` lies: those of even numbers come first, as the weights of the low halves do. */
static inline int32_t mg_place_s4(int32_t index, int32_t count)
{
    return (index & 1) != 0 ? (count + 1) / 2 + index / 2 : index / 2;
}

static inline void mg_dot_s4(const int16_t *values, int32_t stride, const int8_t *packed, int32_t index,
                             int32_t count, int32_t *sums)
{
    const int32_t half = (count + 1) / 2;
    const bool odd = (index & 1) != 0;
    const int8_t *bytes = packed + (index >> 1) + (odd ? 1 : 0);
    /* Behind the first weight, which lies in the half of a byte, even and odd values change their parts. */
    const int16_t *low = values + (odd ? half : 0);
    const int16_t *high = values + (odd ? 1 : half);
    const int32_t pairs = (odd ? count - 1 : count) / 2;
    const bool rest = ((odd ? count - 1 : count) & 1) != 0;
    const int32_t first = odd ? mg_weight_s4(packed, index) : 0;
    const int32_t last = rest ? mg_low_s4(bytes[pairs]) : 0;
    for (int32_t i = 0; i < MG_S4_POSITIONS; i++)
    {
        sums[i] = values[i * stride] * first + (rest ? low[i * stride + pairs] * last : 0);
    }
    for (int32_t pair = 0; pair < pairs; pair += 8)
    {
        const mve_pred16_t live = vctp16q((uint32_t)(pairs - pair));
        const int16x8_t both = vldrbq_z_s16(bytes + pair, live);
        const int16x8_t low_weights = vshrq_n_s16(vshlq_n_s16(both, 12), 12);
        const int16x8_t high_weights = vshrq_n_s16(both, 4);
        for (int32_t i = 0; i < MG_S4_POSITIONS; i++)
        {
            const int16x8_t x = vldrhq_z_s16(low + i * stride + pair, live);
            const int16x8_t y = vldrhq_z_s16(high + i * stride + pair, live);
            sums[i] = vmladavaq_s16(vmladavaq_s16(sums[i], x, low_weights), y, high_weights);
        }
    }
}
#else
static inline int32_t mg_place_s4(int32_t index, int32_t count)
{
    (void)count;
    return index;
}

/*
 * The sums of products of the weights from `index` on with `count` values of each position; those of one position
 * begin `stride` behind those of the last.
 */
static inline void mg_dot_s4(const int16_t *values, int32_t stride, const int8_t *packed, int32_t index,
                             int32_t count, int32_t *sums)
{
    int32_t found[MG_S4_POSITIONS] = {0, 0, 0, 0};
    if ((index & 1) != 0)
    {
        const int32_t weight = mg_weight_s4(packed, index);
        for (int32_t i = 0; i < MG_S4_POSITIONS; i++)
        {
            found[i] = values[i * stride] * weight;
        }
        values++;
        index++;
        count--;
    }
    const int8_t *bytes = packed + (index >> 1);
    for (; count >= 2; count -= 2)
    {
        mg_add_pair_s4(values, stride, *bytes++, found);
        values += 2;
    }
    for (int32_t i = 0; i < MG_S4_POSITIONS; i++)
    {
        sums[i] = count > 0 ? found[i] + values[i * stride] * mg_low_s4(*bytes) : found[i];
    }
}
#endif

#endif
