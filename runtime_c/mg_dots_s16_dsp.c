/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include <string.h>

#include "mg_dsp.h"
#include "mg_requantize_s64.h"

static inline uint32_t load_pair(const int16_t *x)
{
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return word;
}

/* The low halves of two words. */
static inline uint32_t lows(uint32_t a, uint32_t b)
{
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ICCARM__)
    uint32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return (a & 0xffffu) | b << 16;
#endif
}

/* The high halves of two words. */
static inline uint32_t highs(uint32_t a, uint32_t b)
{
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ICCARM__)
    uint32_t result;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(b), "r"(a));
    return result;
#else
    return (b & 0xffff0000u) | a >> 16;
#endif
}

/* Four weights times x[0], x[2] and x[1], x[3]. */
static inline int32_t step(const int8_t *weights, uint32_t even, uint32_t odd, int32_t sum)
{
    const uint32_t word = mg_dsp_load(weights);
    return mg_smlad(odd, mg_sxtb16_ror8(word), mg_smlad(even, mg_sxtb16(word), sum));
}

/*
 * The same as in plain C. x is put into the order in which four weights are widened, once for all vectors of
 * weights.
 */
void mg_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, int32_t w_stride, int32_t count, int32_t n)
{
    for (int32_t left = n; left > 0; left -= MG_S16_BLOCK)
    {
        const int32_t length = mg_min(left, MG_S16_BLOCK);
        const int16_t *end = x + length / 4 * 4;
        const int16_t *at = x;
        const int8_t *w0 = w;
        if (count == 4)
        {
            const int8_t *w1 = w0 + w_stride;
            const int8_t *w2 = w1 + w_stride;
            const int8_t *w3 = w2 + w_stride;
            int32_t sum0 = 0;
            int32_t sum1 = 0;
            int32_t sum2 = 0;
            int32_t sum3 = 0;
            while (at < end)
            {
                const uint32_t first = load_pair(at);
                const uint32_t second = load_pair(at + 2);
                const uint32_t even = lows(first, second);
                const uint32_t odd = highs(first, second);
                sum0 = step(w0, even, odd, sum0);
                sum1 = step(w1, even, odd, sum1);
                sum2 = step(w2, even, odd, sum2);
                sum3 = step(w3, even, odd, sum3);
                at += 4;
                w0 += 4;
                w1 += 4;
                w2 += 4;
                w3 += 4;
            }
            for (int32_t i = 0; i < length % 4; i++)
            {
                const int32_t value = at[i];
                sum0 += value * w0[i];
                sum1 += value * w1[i];
                sum2 += value * w2[i];
                sum3 += value * w3[i];
            }
            sums[0] += sum0;
            sums[1] += sum1;
            sums[2] += sum2;
            sums[3] += sum3;
        }
        else
        {
            for (int32_t unit = 0; unit < count; unit++)
            {
                int32_t sum = 0;
                w0 = w + unit * w_stride;
                for (at = x; at < end; at += 4)
                {
                    const uint32_t first = load_pair(at);
                    const uint32_t second = load_pair(at + 2);
                    sum = step(w0, lows(first, second), highs(first, second), sum);
                    w0 += 4;
                }
                for (int32_t i = 0; i < length % 4; i++)
                {
                    sum += at[i] * w0[i];
                }
                sums[unit] += sum;
            }
        }
        x += length;
        w += length;
    }
}

#endif
