/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products of the DSP flavour. Bytes are widened by four, a group: bytes 0 and 2 lie in one word, 1 and
 * 3 in the next. Weights are widened to the same order as they are read, so that no lane is ever moved. A
 * patch is what one output position reads, widened, the input's offset added, filled up to whole groups with
 * zeros. Two patches lie interleaved, a group of the one and a group of the other.
 */
#ifndef MG_DSP_PATCH_H
#define MG_DSP_PATCH_H

#include "mg_dsp.h"

/* Words between groups of one patch alone, and of one of two. */
#define MG_DSP_SINGLE 2
#define MG_DSP_PAIR 4

/* Widens n bytes and adds a lane of `offset`; returns where the next group goes. n is a multiple of 4. */
static inline uint32_t *mg_dsp_widen(uint32_t *patch, int32_t step, const int8_t *bytes, int32_t n,
                                     uint32_t offset)
{
    const int8_t *end = bytes + n;
    while (bytes < end)
    {
        const uint32_t word = mg_dsp_load(bytes);
        patch[0] = mg_sxtab16(offset, word);
        patch[1] = mg_sxtab16_ror8(offset, word);
        patch += step;
        bytes += 4;
    }
    return patch;
}

/* What four weights of one row and a group of a patch add to a sum. */
static inline int32_t mg_dsp_step(uint32_t weights, const uint32_t *x, int32_t sum)
{
    return mg_smlad(x[1], mg_sxtb16_ror8(weights), mg_smlad(x[0], mg_sxtb16(weights), sum));
}

/* The sums of two rows of a matrix, the first digit, times two patches. */
typedef struct
{
    int32_t sum00;
    int32_t sum01;
    int32_t sum10;
    int32_t sum11;
} mg_dsp_sums;

/* Adds rows w0 and w1 times two interleaved patches of n elements. */
static inline void mg_dsp_dot_2x2(mg_dsp_sums *sums, const uint32_t *x, const int8_t *w0, const int8_t *w1,
                                  int32_t n)
{
    const int8_t *end = w0 + n / 4 * 4;
    int32_t sum00 = sums->sum00;
    int32_t sum01 = sums->sum01;
    int32_t sum10 = sums->sum10;
    int32_t sum11 = sums->sum11;
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ICCARM__) && defined(__OPTIMIZE__)
    /* The loop below; GCC runs out of registers with it and spills sums. */
    if (w0 < end)
    {
        uint32_t even0;
        uint32_t even1;
        uint32_t odd0;
        uint32_t odd1;
        uint32_t value;
        __asm__("1:\n\t"
                "ldr %[odd0], [%[w0]], #4\n\t"
                "ldr %[odd1], [%[w1]], #4\n\t"
                "ldr %[value], [%[x]], #16\n\t"
                "sxtb16 %[even0], %[odd0]\n\t"
                "sxtb16 %[even1], %[odd1]\n\t"
                "sxtb16 %[odd0], %[odd0], ror #8\n\t"
                "sxtb16 %[odd1], %[odd1], ror #8\n\t"
                "smlad %[sum00], %[value], %[even0], %[sum00]\n\t"
                "smlad %[sum10], %[value], %[even1], %[sum10]\n\t"
                "ldr %[value], [%[x], #-12]\n\t"
                "cmp %[w0], %[end]\n\t"
                "smlad %[sum00], %[value], %[odd0], %[sum00]\n\t"
                "smlad %[sum10], %[value], %[odd1], %[sum10]\n\t"
                "ldr %[value], [%[x], #-8]\n\t"
                "smlad %[sum01], %[value], %[even0], %[sum01]\n\t"
                "smlad %[sum11], %[value], %[even1], %[sum11]\n\t"
                "ldr %[value], [%[x], #-4]\n\t"
                "smlad %[sum01], %[value], %[odd0], %[sum01]\n\t"
                "smlad %[sum11], %[value], %[odd1], %[sum11]\n\t"
                "bne 1b"
                : [sum00] "+r"(sum00), [sum01] "+r"(sum01), [sum10] "+r"(sum10), [sum11] "+r"(sum11),
                  [x] "+r"(x), [w0] "+r"(w0), [w1] "+r"(w1), [even0] "=&r"(even0), [even1] "=&r"(even1),
                  [odd0] "=&r"(odd0), [odd1] "=&r"(odd1), [value] "=&r"(value)
                : [end] "r"(end)
                : "cc", "memory");
    }
#else
    while (w0 < end)
    {
        const uint32_t weights0 = mg_dsp_load(w0);
        const uint32_t weights1 = mg_dsp_load(w1);
        sum00 = mg_dsp_step(weights0, x, sum00);
        sum01 = mg_dsp_step(weights0, x + MG_DSP_SINGLE, sum01);
        sum10 = mg_dsp_step(weights1, x, sum10);
        sum11 = mg_dsp_step(weights1, x + MG_DSP_SINGLE, sum11);
        w0 += 4;
        w1 += 4;
        x += MG_DSP_PAIR;
    }
#endif
    if (n % 4 != 0)
    {
        const uint32_t rest0 = mg_dsp_load_part(w0, n % 4);
        const uint32_t rest1 = mg_dsp_load_part(w1, n % 4);
        sum00 = mg_dsp_step(rest0, x, sum00);
        sum01 = mg_dsp_step(rest0, x + MG_DSP_SINGLE, sum01);
        sum10 = mg_dsp_step(rest1, x, sum10);
        sum11 = mg_dsp_step(rest1, x + MG_DSP_SINGLE, sum11);
    }
    sums->sum00 = sum00;
    sums->sum01 = sum01;
    sums->sum10 = sum10;
    sums->sum11 = sum11;
}

/* Adds one row times one patch of n elements, whose groups lie `step` words apart. */
static inline int32_t mg_dsp_dot_1x1(int32_t sum, const uint32_t *x, int32_t step, const int8_t *w, int32_t n)
{
    const int8_t *end = w + n / 4 * 4;
    while (w < end)
    {
        sum = mg_dsp_step(mg_dsp_load(w), x, sum);
        w += 4;
        x += step;
    }
    return n % 4 != 0 ? mg_dsp_step(mg_dsp_load_part(w, n % 4), x, sum) : sum;
}

#endif
