/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products of runs of floats, for some outputs at a time: what is loaded once serves all of them. */
#ifndef MG_DOT_F32_H
#define MG_DOT_F32_H

#include <stdint.h>

#include "mg_fma.h"

/* Adds to sums[i] the products of x[0..n-1] and row i of w; rows are w_step apart. */
static inline void mg_dot_4_f32(const float *x, const float *w, int32_t w_step, int32_t n, float sums[4])
{
    const float *w0 = w;
    const float *w1 = w0 + w_step;
    const float *w2 = w1 + w_step;
    const float *w3 = w2 + w_step;
    float sum0 = sums[0];
    float sum1 = sums[1];
    float sum2 = sums[2];
    float sum3 = sums[3];
    int32_t i = n;
    for (; i >= 2; i -= 2)
    {
        const float a = x[0];
        const float b = x[1];
        sum0 = mg_multiply_add(a, w0[0], sum0);
        sum1 = mg_multiply_add(a, w1[0], sum1);
        sum2 = mg_multiply_add(a, w2[0], sum2);
        sum3 = mg_multiply_add(a, w3[0], sum3);
        sum0 = mg_multiply_add(b, w0[1], sum0);
        sum1 = mg_multiply_add(b, w1[1], sum1);
        sum2 = mg_multiply_add(b, w2[1], sum2);
        sum3 = mg_multiply_add(b, w3[1], sum3);
        x += 2;
        w0 += 2;
        w1 += 2;
        w2 += 2;
        w3 += 2;
    }
    /* Not i > 0: GCC 12 at -Os for the Cortex-M55, which counts the loop down on its own, takes that to be true. */
    if (n % 2 != 0)
    {
        sum0 = mg_multiply_add(*x, *w0, sum0);
        sum1 = mg_multiply_add(*x, *w1, sum1);
        sum2 = mg_multiply_add(*x, *w2, sum2);
        sum3 = mg_multiply_add(*x, *w3, sum3);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

/* The same for two inputs x and x + x_step: sums[4 + i] are those of the second one. */
static inline void mg_dot_4x2_f32(const float *x, int32_t x_step, const float *w, int32_t w_step, int32_t n,
                                  float sums[8])
{
    const float *y = x + x_step;
    const float *w0 = w;
    const float *w1 = w0 + w_step;
    const float *w2 = w1 + w_step;
    const float *w3 = w2 + w_step;
    float sum0 = sums[0];
    float sum1 = sums[1];
    float sum2 = sums[2];
    float sum3 = sums[3];
    float sum4 = sums[4];
    float sum5 = sums[5];
    float sum6 = sums[6];
    float sum7 = sums[7];
    for (int32_t i = 0; i < n; i++)
    {
        const float a = *x++;
        const float b = *y++;
        float weight = *w0++;
        sum0 = mg_multiply_add(a, weight, sum0);
        sum4 = mg_multiply_add(b, weight, sum4);
        weight = *w1++;
        sum1 = mg_multiply_add(a, weight, sum1);
        sum5 = mg_multiply_add(b, weight, sum5);
        weight = *w2++;
        sum2 = mg_multiply_add(a, weight, sum2);
        sum6 = mg_multiply_add(b, weight, sum6);
        weight = *w3++;
        sum3 = mg_multiply_add(a, weight, sum3);
        sum7 = mg_multiply_add(b, weight, sum7);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
    sums[4] = sum4;
    sums[5] = sum5;
    sums[6] = sum6;
    sums[7] = sum7;
}

/* sum and the products of x[0..n-1] and w[0..n-1]. */
static inline float mg_dot_f32(const float *x, const float *w, int32_t n, float sum)
{
    for (int32_t i = 0; i < n; i++)
    {
        sum = mg_multiply_add(x[i], w[i], sum);
    }
    return sum;
}

#endif
