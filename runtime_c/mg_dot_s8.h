/* SPDX-License-Identifier: Apache-2.0 */
/* Dot products with int8 weights, inline; the sums wrap. */
#ifndef MG_DOT_S8_H
#define MG_DOT_S8_H

#include <stdint.h>

/* sum + the dot product of (x + x_offset) and w over n elements. */
static inline uint32_t mg_dot_s8(uint32_t sum, const int8_t *x, int32_t x_offset, const int8_t *w, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
    {
        sum += (uint32_t)((x[i] + x_offset) * w[i]);
    }
    return sum;
}

/*
 * Adds to sums[0..3] the dot products of x with two vectors that lie w_stride apart, then those of a second
 * vector that lies x_stride behind x.
 */
static inline void mg_dot2x2_s8(uint32_t *sums, const int8_t *x, int32_t x_stride, const int8_t *w,
                                int32_t w_stride, int32_t n)
{
    const int8_t *x1 = x + x_stride;
    const int8_t *w1 = w + w_stride;
    const int8_t *end = x + n;
    uint32_t sum00 = sums[0];
    uint32_t sum01 = sums[1];
    uint32_t sum10 = sums[2];
    uint32_t sum11 = sums[3];
    while (x < end)
    {
        const int32_t value0 = *x++;
        const int32_t value1 = *x1++;
        const int32_t weight0 = *w++;
        const int32_t weight1 = *w1++;
        sum00 += (uint32_t)(value0 * weight0);
        sum01 += (uint32_t)(value0 * weight1);
        sum10 += (uint32_t)(value1 * weight0);
        sum11 += (uint32_t)(value1 * weight1);
    }
    sums[0] = sum00;
    sums[1] = sum01;
    sums[2] = sum10;
    sums[3] = sum11;
}

/* The same of int16 vectors. */
static inline void mg_dot2x2_s16(uint32_t *sums, const int16_t *x, int32_t x_stride, const int8_t *w,
                                 int32_t w_stride, int32_t n)
{
    const int16_t *x1 = x + x_stride;
    const int8_t *w1 = w + w_stride;
    const int16_t *end = x + n;
    uint32_t sum00 = sums[0];
    uint32_t sum01 = sums[1];
    uint32_t sum10 = sums[2];
    uint32_t sum11 = sums[3];
    while (x < end)
    {
        const int32_t value0 = *x++;
        const int32_t value1 = *x1++;
        const int32_t weight0 = *w++;
        const int32_t weight1 = *w1++;
        sum00 += (uint32_t)(value0 * weight0);
        sum01 += (uint32_t)(value0 * weight1);
        sum10 += (uint32_t)(value1 * weight0);
        sum11 += (uint32_t)(value1 * weight1);
    }
    sums[0] = sum00;
    sums[1] = sum01;
    sums[2] = sum10;
    sums[3] = sum11;
}

/* sum + the dot product of x and w over n elements. */
static inline uint32_t mg_dot_s16(uint32_t sum, const int16_t *x, const int8_t *w, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
    {
        sum += (uint32_t)(x[i] * w[i]);
    }
    return sum;
}

/* Adds to sums[0..3] the dot products of (x + x_offset) with four vectors that lie w_stride apart. */
static inline void mg_dot4_s8(uint32_t *sums, const int8_t *x, int32_t x_offset, const int8_t *w,
                              int32_t w_stride, int32_t n)
{
    const int8_t *w1 = w + w_stride;
    const int8_t *w2 = w1 + w_stride;
    const int8_t *w3 = w2 + w_stride;
    uint32_t sum0 = sums[0];
    uint32_t sum1 = sums[1];
    uint32_t sum2 = sums[2];
    uint32_t sum3 = sums[3];
    for (int32_t i = 0; i < n; i++)
    {
        const int32_t value = x[i] + x_offset;
        sum0 += (uint32_t)(value * w[i]);
        sum1 += (uint32_t)(value * w1[i]);
        sum2 += (uint32_t)(value * w2[i]);
        sum3 += (uint32_t)(value * w3[i]);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#endif
