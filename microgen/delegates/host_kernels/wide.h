/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops over many numbers at once, which compilers turn into a processor's vector instructions. They compute what
 * the functions of mg_support.h and mg_finish_s8.h compute one by one.
 */
#ifndef WIDE_H
#define WIDE_H

#include "mg_support.h"

/* How many channels are computed together. */
#define WIDE_BLOCK 64

/* Products that are added up at once: their sum stays far within int32_t. Longer vectors take several turns. */
#define WIDE_PIECE 1024

/* What the outputs of a row share. Factors are "usual" as mg_is_usual_factor has it. */
typedef struct
{
    const int32_t *multiplier;
    const int32_t *shift;
    int32_t quant_step;
    int32_t output_offset;
    int32_t low;
    int32_t high;
    bool all_usual;
} wide_output;

static inline wide_output wide_output_of(const int32_t *multiplier, const int32_t *shift, int32_t quant_step,
                                         int32_t channels, int32_t output_offset,
                                         const cmsis_nn_activation *activation)
{
    const int32_t count = quant_step == 0 ? 1 : channels;
    uint32_t unusual = 0;
    for (int32_t i = 0; i < count; i++)
    {
        unusual |= (uint32_t)(multiplier[i] < (int32_t)1 << 30) | (uint32_t)(shift[i] > -2);
    }
    const wide_output output = {multiplier,      shift,           quant_step,   output_offset,
                                activation->min, activation->max, unusual == 0u};
    return output;
}

static inline int32_t wide_usual(int32_t sum, int32_t multiplier, int32_t shift, int32_t term)
{
    /* Only the lower half is taken of what is shifted: a shift that keeps no sign will do. */
    const uint64_t product = (uint64_t)((int64_t)sum * multiplier) + ((uint64_t)1 << 30);
    const int32_t scaled = (int32_t)(uint32_t)(product >> 31);
    return (((scaled + (scaled >> 31)) >> (-1 - shift)) + term) >> 1;
}

/* The outputs of channels `channel` to channel + count - 1. */
static inline void wide_finish(const wide_output *to, int32_t channel, int32_t count, const uint32_t *restrict sums,
                               int8_t *restrict output)
{
    const int32_t *restrict multiplier = to->multiplier + channel * to->quant_step;
    const int32_t *restrict shift = to->shift + channel * to->quant_step;
    const int32_t low = to->low;
    const int32_t high = to->high;
    const int32_t term = mg_offset_term(to->output_offset);
    if (to->all_usual && to->quant_step == 1)
    {
        for (int32_t i = 0; i < count; i++)
        {
            output[i] = (int8_t)mg_clamp(wide_usual((int32_t)sums[i], multiplier[i], shift[i], term), low, high);
        }
    }
    else if (to->all_usual)
    {
        const int32_t factor = multiplier[0];
        const int32_t bits = shift[0];
        for (int32_t i = 0; i < count; i++)
        {
            output[i] = (int8_t)mg_clamp(wide_usual((int32_t)sums[i], factor, bits, term), low, high);
        }
    }
    else
    {
        const cmsis_nn_activation activation = {low, high};
        for (int32_t i = 0; i < count; i++)
        {
            const int32_t at = i * to->quant_step;
            output[i] = mg_requantize_s8((int32_t)sums[i], multiplier[at], shift[at], to->output_offset, &activation);
        }
    }
}

/*
 * Adds to sums the products of one vector or two, x_step apart, with `count` rows of weights: sums[i] and
 * sums[WIDE_BLOCK + i] are those with row i, of n weights, w_step behind the one before. n is WIDE_PIECE at most.
 */
static inline void wide_products(const int16_t *x, int32_t x_step, int32_t vectors, const int8_t *w, int32_t w_step,
                                 int32_t n, int32_t count, uint32_t *restrict sums)
{
    int32_t i = 0;
    for (; vectors == 2 && count - i >= 4; i += 4)
    {
        const int16_t *restrict x0 = x;
        const int16_t *restrict x1 = x + x_step;
        const int8_t *restrict w0 = w + i * w_step;
        const int8_t *restrict w1 = w0 + w_step;
        const int8_t *restrict w2 = w1 + w_step;
        const int8_t *restrict w3 = w2 + w_step;
        int32_t a0 = 0;
        int32_t a1 = 0;
        int32_t a2 = 0;
        int32_t a3 = 0;
        int32_t b0 = 0;
        int32_t b1 = 0;
        int32_t b2 = 0;
        int32_t b3 = 0;
        for (int32_t k = 0; k < n; k++)
        {
            a0 += x0[k] * w0[k];
            a1 += x0[k] * w1[k];
            a2 += x0[k] * w2[k];
            a3 += x0[k] * w3[k];
            b0 += x1[k] * w0[k];
            b1 += x1[k] * w1[k];
            b2 += x1[k] * w2[k];
            b3 += x1[k] * w3[k];
        }
        sums[i] += (uint32_t)a0;
        sums[i + 1] += (uint32_t)a1;
        sums[i + 2] += (uint32_t)a2;
        sums[i + 3] += (uint32_t)a3;
        sums[WIDE_BLOCK + i] += (uint32_t)b0;
        sums[WIDE_BLOCK + i + 1] += (uint32_t)b1;
        sums[WIDE_BLOCK + i + 2] += (uint32_t)b2;
        sums[WIDE_BLOCK + i + 3] += (uint32_t)b3;
    }
    for (; i < count; i++)
    {
        const int8_t *restrict row = w + i * w_step;
        for (int32_t v = 0; v < vectors; v++)
        {
            const int16_t *restrict values = x + v * x_step;
            int32_t sum = 0;
            for (int32_t k = 0; k < n; k++)
            {
                sum += values[k] * row[k];
            }
            sums[v * WIDE_BLOCK + i] += (uint32_t)sum;
        }
    }
}

#endif
