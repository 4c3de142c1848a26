/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_DSP && !MG_MVE

#include "mg_requantize_s64.h"

/*
 * Adds to `count` sums, 4 at most, the dot products of x, n values, with as many vectors of weights that lie
 * w_stride apart.
 */
void mg_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, int32_t w_stride, int32_t count, int32_t n)
{
    for (int32_t begin = 0; begin < n; begin += MG_S16_BLOCK)
    {
        const int32_t end = mg_min(n, begin + MG_S16_BLOCK);
        if (count == 4)
        {
            const int8_t *w1 = w + w_stride;
            const int8_t *w2 = w1 + w_stride;
            const int8_t *w3 = w2 + w_stride;
            int32_t sum0 = 0;
            int32_t sum1 = 0;
            int32_t sum2 = 0;
            int32_t sum3 = 0;
            for (int32_t i = begin; i < end; i++)
            {
                const int32_t value = x[i];
                sum0 += value * w[i];
                sum1 += value * w1[i];
                sum2 += value * w2[i];
                sum3 += value * w3[i];
            }
            sums[0] += sum0;
            sums[1] += sum1;
            sums[2] += sum2;
            sums[3] += sum3;
            continue;
        }
        for (int32_t unit = 0; unit < count; unit++)
        {
            const int8_t *row = w + unit * w_stride;
            int32_t sum = 0;
            for (int32_t i = begin; i < end; i++)
            {
                sum += x[i] * row[i];
            }
            sums[unit] += sum;
        }
    }
}

#endif
