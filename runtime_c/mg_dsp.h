/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of the DSP extension that kernels use, by their own names. A word holds two int16 lanes or
 * four bytes, lowest first; words travel as uint32_t. Where there is no such extension, as on a host with MG_EMULATE_DSP,
 * they are plain C.
 */
#ifndef MG_DSP_H
#define MG_DSP_H

#include <stdint.h>
#include <string.h>

#if defined(MG_EMULATE_DSP) || !defined(__ARM_FEATURE_DSP)

static inline int32_t mg_dsp_low(uint32_t word)
{
    return (int16_t)(word & 0xffffu);
}

static inline int32_t mg_dsp_high(uint32_t word)
{
    return (int16_t)(word >> 16);
}

static inline uint32_t mg_dsp_byte(uint32_t word, uint32_t position)
{
    const int8_t byte = (int8_t)(word >> position & 0xffu);
    return (uint32_t)byte;
}

/* Bytes 0 and 2, each added to a lane. */
static inline uint32_t mg_sxtab16(uint32_t lanes, uint32_t bytes)
{
    const uint32_t low = lanes + mg_dsp_byte(bytes, 0u);
    const uint32_t high = (lanes >> 16) + mg_dsp_byte(bytes, 16u);
    return high << 16 | (low & 0xffffu);
}

static inline uint32_t mg_sxtb16(uint32_t bytes)
{
    return mg_sxtab16(0u, bytes);
}

static inline int32_t mg_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    const uint32_t low = (uint32_t)(mg_dsp_low(a) * mg_dsp_low(b));
    return (int32_t)((uint32_t)sum + low + (uint32_t)(mg_dsp_high(a) * mg_dsp_high(b)));
}

static inline int64_t mg_smlald(uint32_t a, uint32_t b, int64_t sum)
{
    return sum + mg_dsp_low(a) * mg_dsp_low(b) + mg_dsp_high(a) * mg_dsp_high(b);
}

static inline int32_t mg_smlabb(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum + (uint32_t)(mg_dsp_low(a) * mg_dsp_low(b)));
}

static inline int32_t mg_smlatt(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum + (uint32_t)(mg_dsp_high(a) * mg_dsp_high(b)));
}

#elif defined(__ICCARM__)

#include <intrinsics.h>

static inline uint32_t mg_sxtab16(uint32_t lanes, uint32_t bytes)
{
    return (uint32_t)__SXTAB16(lanes, bytes);
}

static inline uint32_t mg_sxtb16(uint32_t bytes)
{
    return (uint32_t)__SXTB16(bytes);
}

static inline int32_t mg_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)__SMLAD(a, b, sum);
}

static inline int64_t mg_smlald(uint32_t a, uint32_t b, int64_t sum)
{
    const int32_t low = (int16_t)(a & 0xffffu) * (int16_t)(b & 0xffffu);
    return sum + low + (int16_t)(a >> 16) * (int16_t)(b >> 16);
}

static inline int32_t mg_smlabb(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)__SMLABB(a, b, sum);
}

static inline int32_t mg_smlatt(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)__SMLATT(a, b, sum);
}

#else

#include <arm_acle.h>

static inline uint32_t mg_sxtab16(uint32_t lanes, uint32_t bytes)
{
    return (uint32_t)__sxtab16((int16x2_t)lanes, (int8x4_t)bytes);
}

static inline uint32_t mg_sxtb16(uint32_t bytes)
{
    return (uint32_t)__sxtb16((int8x4_t)bytes);
}

static inline int32_t mg_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}

static inline int64_t mg_smlald(uint32_t a, uint32_t b, int64_t sum)
{
    return __smlald((int16x2_t)a, (int16x2_t)b, sum);
}

static inline int32_t mg_smlabb(uint32_t a, uint32_t b, int32_t sum)
{
    return __smlabb((int32_t)a, (int32_t)b, sum);
}

static inline int32_t mg_smlatt(uint32_t a, uint32_t b, int32_t sum)
{
    return __smlatt((int32_t)a, (int32_t)b, sum);
}

#endif

/* Bytes 1 and 3 as lanes, or each added to a lane. Compilers do not find the instructions' own rotation. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ICCARM__)
static inline uint32_t mg_sxtb16_ror8(uint32_t bytes)
{
    uint32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
    return result;
}

static inline uint32_t mg_sxtab16_ror8(uint32_t lanes, uint32_t bytes)
{
    uint32_t result;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(lanes), "r"(bytes));
    return result;
}
#else
static inline uint32_t mg_sxtb16_ror8(uint32_t bytes)
{
    return mg_sxtb16(bytes >> 8 | bytes << 24);
}

static inline uint32_t mg_sxtab16_ror8(uint32_t lanes, uint32_t bytes)
{
    return mg_sxtab16(lanes, bytes >> 8 | bytes << 24);
}
#endif

/* The same number in both lanes. */
static inline uint32_t mg_dsp_both(int32_t value)
{
    return ((uint32_t)value & 0xffffu) * 0x10001u;
}

/* Two int16 values of any alignment. */
static inline uint32_t mg_dsp_load_s16(const int16_t *values)
{
    uint32_t word;
    memcpy(&word, values, sizeof word);
    return word;
}

/* The low lanes of two words, and their high lanes. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ICCARM__)
static inline uint32_t mg_dsp_lows(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

static inline uint32_t mg_dsp_highs(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(b), "r"(a));
    return result;
}
#else
static inline uint32_t mg_dsp_lows(uint32_t a, uint32_t b)
{
    return (a & 0xffffu) | b << 16;
}

static inline uint32_t mg_dsp_highs(uint32_t a, uint32_t b)
{
    return (b & 0xffff0000u) | a >> 16;
}
#endif

/* Four bytes of any alignment. */
static inline uint32_t mg_dsp_load(const int8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* `count` bytes, fewer than four, and zeros. */
static inline uint32_t mg_dsp_load_part(const int8_t *bytes, int32_t count)
{
    uint32_t word = 0;
    for (int32_t i = 0; i < count; i++)
    {
        word |= (uint32_t)(uint8_t)bytes[i] << (uint32_t)(8 * i);
    }
    return word;
}

#endif
