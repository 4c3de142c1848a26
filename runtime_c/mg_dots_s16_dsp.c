/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_dsp.h"
#include "mg_requantize_s64.h"

/* Four weights times x[0], x[2] and x[1], x[3]. */
static inline int32_t step(uint32_t weights, uint32_t even, uint32_t odd, int32_t sum)
{
    return mg_smlad(odd, mg_sxtb16_ror8(weights), mg_smlad(even, mg_sxtb16(weights), sum));
}

/* Adds the dot products of x, n values, with four vectors of weights; n is at most MG_S16_BLOCK. */
static void dot_4x1(int64_t *sums, const int16_t *x, const int8_t *w, int32_t w_stride, int32_t n)
{
    const int16_t *end = x + n / 4 * 4;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ICCARM__) && defined(__OPTIMIZE__)
    /* The loop below; GCC runs out of registers with it. */
    if (x < end)
    {
        const int8_t *last = w + 3 * w_stride;
        uint32_t even;
        uint32_t odd;
        uint32_t word;
        uint32_t lanes;
        __asm__("1:\n\t"
                "ldr %[even], [%[x]], #4\n\t"
                "ldr %[word], [%[x]], #4\n\t"
                "ldr %[lanes], [%[w], %[stride]]\n\t"
                "pkhtb %[odd], %[word], %[even], asr #16\n\t"
                "pkhbt %[even], %[even], %[word], lsl #16\n\t"
                "sxtb16 %[word], %[lanes]\n\t"
                "sxtb16 %[lanes], %[lanes], ror #8\n\t"
                "smlad %[sum1], %[even], %[word], %[sum1]\n\t"
                "ldr %[word], [%[w], %[stride], lsl #1]\n\t"
                "smlad %[sum1], %[odd], %[lanes], %[sum1]\n\t"
                "sxtb16 %[lanes], %[word]\n\t"
                "sxtb16 %[word], %[word], ror #8\n\t"
                "smlad %[sum2], %[even], %[lanes], %[sum2]\n\t"
                "ldr %[lanes], [%[w]], #4\n\t"
                "smlad %[sum2], %[odd], %[word], %[sum2]\n\t"
                "sxtb16 %[word], %[lanes]\n\t"
                "sxtb16 %[lanes], %[lanes], ror #8\n\t"
                "smlad %[sum0], %[even], %[word], %[sum0]\n\t"
                "ldr %[word], [%[last]], #4\n\t"
                "smlad %[sum0], %[odd], %[lanes], %[sum0]\n\t"
                "cmp %[x], %[end]\n\t"
                "sxtb16 %[lanes], %[word]\n\t"
                "sxtb16 %[word], %[word], ror #8\n\t"
                "smlad %[sum3], %[even], %[lanes], %[sum3]\n\t"
                "smlad %[sum3], %[odd], %[word], %[sum3]\n\t"
                "bne 1b"
                : [sum0] "+r"(sum0), [sum1] "+r"(sum1), [sum2] "+r"(sum2), [sum3] "+r"(sum3), [x] "+r"(x),
                  [w] "+r"(w), [last] "+r"(last), [even] "=&r"(even), [odd] "=&r"(odd), [word] "=&r"(word),
                  [lanes] "=&r"(lanes)
                : [stride] "r"(w_stride), [end] "r"(end)
                : "cc", "memory");
    }
#else
    while (x < end)
    {
        const uint32_t first = mg_dsp_load_s16(x);
        const uint32_t second = mg_dsp_load_s16(x + 2);
        const uint32_t even = mg_dsp_lows(first, second);
        const uint32_t odd = mg_dsp_highs(first, second);
        sum0 = step(mg_dsp_load(w), even, odd, sum0);
        sum1 = step(mg_dsp_load(w + w_stride), even, odd, sum1);
        sum2 = step(mg_dsp_load(w + 2 * w_stride), even, odd, sum2);
        sum3 = step(mg_dsp_load(w + 3 * w_stride), even, odd, sum3);
        x += 4;
        w += 4;
    }
#endif
    for (int32_t i = 0; i < n % 4; i++)
    {
        const int32_t value = x[i];
        sum0 += value * w[i];
        sum1 += value * w[w_stride + i];
        sum2 += value * w[2 * w_stride + i];
        sum3 += value * w[3 * w_stride + i];
    }
    sums[0] += sum0;
    sums[1] += sum1;
    sums[2] += sum2;
    sums[3] += sum3;
}

/* The same with one vector of weights. */
static int32_t dot_1x1(const int16_t *x, const int8_t *w, int32_t n)
{
    int32_t sum = 0;
    for (; n >= 4; n -= 4)
    {
        const uint32_t first = mg_dsp_load_s16(x);
        const uint32_t second = mg_dsp_load_s16(x + 2);
        sum = step(mg_dsp_load(w), mg_dsp_lows(first, second), mg_dsp_highs(first, second), sum);
        x += 4;
        w += 4;
    }
    for (int32_t i = 0; i < n; i++)
    {
        sum += x[i] * w[i];
    }
    return sum;
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
        if (count == 4)
        {
            dot_4x1(sums, x, w, w_stride, length);
        }
        else
        {
            for (int32_t unit = 0; unit < count; unit++)
            {
                sums[unit] += dot_1x1(x, w + unit * w_stride, length);
            }
        }
        x += length;
        w += length;
    }
}

#endif
