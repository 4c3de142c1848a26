/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inline helpers of the kernels. Arithmetic that may leave the range of int32_t wraps: it goes through
 * uint32_t, because overflow of a signed integer is undefined in C. A right shift of a negative number is
 * taken to keep its sign, as every compiler for Cortex-M does it.
 */
#ifndef MG_SUPPORT_H
#define MG_SUPPORT_H

#include "mg_isa.h"
#include "mg_nn_types.h"

#if !MG_PORTABLE && defined(__ARM_FEATURE_DSP) && defined(__ICCARM__)
#include <intrinsics.h>
#endif

/* Keeps a rarely used part out of the loops that call it. */
#if defined(__GNUC__) && !defined(__ICCARM__)
#define MG_COLD __attribute__((cold))
#else
#define MG_COLD
#endif

/* A function of its own, so that its variables do not take registers of its caller's loops. */
#if defined(__GNUC__) && !defined(__ICCARM__)
#define MG_APART __attribute__((noinline))
#else
#define MG_APART
#endif

static inline int32_t mg_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t mg_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t mg_clamp(int32_t value, int32_t low, int32_t high)
{
    return mg_min(mg_max(value, low), high);
}

/* The nearest int8 value. */
static inline int32_t mg_saturate_s8(int32_t value)
{
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__) && !defined(__ICCARM__)
    return (int32_t)__builtin_arm_ssat(value, 8);
#else
    return mg_clamp(value, -128, 127);
#endif
}

/* Does the activation leave int8 values as they are? */
static inline bool mg_is_whole_s8(const cmsis_nn_activation *activation)
{
    return activation->min == -128 && activation->max == 127;
}

static inline int32_t mg_wrap_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t mg_wrap_sub(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

static inline int32_t mg_wrap_mul(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

/* value * 2^count, count in 0..31. */
static inline int32_t mg_wrap_shift_left(int32_t value, int32_t count)
{
    return (int32_t)((uint32_t)value << (uint32_t)count);
}

/*
 * The upper half of 2 * a * b, a half rounded up. This is gemmlowp's saturating rounding doubling high
 * multiply wherever that does not saturate: not both arguments may be INT32_MIN.
 */
static inline int32_t mg_doubling_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* value / 2^exponent, a half rounded away from zero; exponent in 0..31. */
static inline int32_t mg_rounding_divide_by_pot(int32_t value, int32_t exponent)
{
    const uint32_t mask = ((uint32_t)1 << (uint32_t)exponent) - 1u;
    const uint32_t remainder = (uint32_t)value & mask;
    const uint32_t threshold = (mask >> 1) + (value < 0 ? 1u : 0u);
    return (value >> exponent) + (remainder > threshold ? 1 : 0);
}

/* value * multiplier * 2^(shift - 31), rounded twice; multiplier >= 0, shift in -31..30, left if positive. */
static inline int32_t mg_requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int32_t scaled = mg_doubling_high_mul(mg_wrap_shift_left(value, left), multiplier);
    return mg_rounding_divide_by_pot(scaled, right);
}

/*
 * mg_doubling_high_mul for a multiplier of 2^30 or more, given twice: (value * twice + 2^31) >> 32, where
 * twice, as an int32_t, lacks 2^32. That is one instruction of the DSP extension and three without it.
 */
static inline int32_t mg_doubling_high_mul_twice(int32_t value, uint32_t twice)
{
#if !MG_PORTABLE && defined(__ARM_FEATURE_DSP) && defined(__ICCARM__)
    return (int32_t)__SMMLAR(value, (int32_t)twice, value);
#elif !MG_PORTABLE && defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
    int32_t result;
    __asm__("smmlar %0, %1, %2, %1" : "=r"(result) : "r"(value), "r"(twice));
    return result;
#else
    const uint64_t start = (uint64_t)(uint32_t)value << 32 | 0x80000000u;
    return (int32_t)(((int64_t)start + (int64_t)value * (int32_t)twice) >> 32);
#endif
}

/*
 * Is that a normalized multiplier with two or more bits to drop, as nearly all channels have it? Then
 * mg_requantize_usual serves.
 */
static inline bool mg_is_usual_factor(int32_t multiplier, int32_t shift)
{
    return multiplier >= (int32_t)1 << 30 && shift <= -2;
}

/* The same of two; multipliers are never negative. */
static inline bool mg_are_usual_factors(int32_t multiplier_0, int32_t shift_0, int32_t multiplier_1,
                                        int32_t shift_1)
{
    return (multiplier_0 & multiplier_1 & ((int32_t)1 << 30)) != 0 && ((shift_0 + 1) & (shift_1 + 1)) < 0;
}

/*
 * mg_requantize and the output's offset in one, for usual factors: rounding division is
 * (x + half - (x < 0)) >> bits, and no step leaves the range of int32_t, because the last of the bits goes
 * after half and the offset, offset_term, are in.
 */
static inline int32_t mg_requantize_usual(int32_t value, int32_t multiplier, int32_t shift, int32_t offset_term)
{
    const int32_t scaled = mg_doubling_high_mul_twice(value, (uint32_t)multiplier << 1);
    return (((scaled + (scaled >> 31)) >> (-1 - shift)) + offset_term) >> 1;
}

static inline int32_t mg_offset_term(int32_t output_offset)
{
    return 2 * output_offset + 1;
}

/* mg_requantize and the output's offset for any factor. */
static inline MG_COLD int32_t mg_requantize_unusual(int32_t value, int32_t multiplier, int32_t shift,
                                                    int32_t output_offset)
{
    return mg_wrap_add(mg_requantize(value, multiplier, shift), output_offset);
}

/* mg_requantize, in fewer instructions for usual factors. */
static inline int32_t mg_requantize_any(int32_t value, int32_t multiplier, int32_t shift)
{
    return mg_is_usual_factor(multiplier, shift)
               ? mg_requantize_usual(value, multiplier, shift, mg_offset_term(0))
               : mg_requantize_unusual(value, multiplier, shift, 0);
}

/* The int8 output of an accumulator. */
static inline int8_t mg_requantize_s8(int32_t accumulator, int32_t multiplier, int32_t shift,
                                      int32_t output_offset, const cmsis_nn_activation *activation)
{
    const int32_t value =
        mg_is_usual_factor(multiplier, shift)
            ? mg_requantize_usual(accumulator, multiplier, shift, mg_offset_term(output_offset))
            : mg_requantize_unusual(accumulator, multiplier, shift, output_offset);
    return (int8_t)mg_clamp(value, activation->min, activation->max);
}

/*
 * Is there a buffer for that many bytes, aligned for pointers and int32_t? None is needed for 0 bytes. Its size is
 * not looked at: CMSIS-NN never does, and callers leave the field unset.
 */
static inline bool mg_scratch_fits(const cmsis_nn_context *ctx, int32_t bytes)
{
    return bytes == 0 || (ctx != NULL && ctx->buf != NULL && (uintptr_t)ctx->buf % sizeof(void *) == 0u);
}

/* Dimensions and strides of the general kernels: always this many, outermost first, unused ones of size 1. */
#define MG_MAX_RANK 6

/* Steps `index` through the first `rank` of `dims`, the last of them fastest; false after the last one. */
static inline bool mg_next_index(int32_t *index, const int32_t *dims, int32_t rank)
{
    for (int32_t d = rank - 1; d >= 0; d--)
    {
        index[d]++;
        if (index[d] < dims[d])
        {
            return true;
        }
        index[d] = 0;
    }
    return false;
}

static inline int32_t mg_index_offset(const int32_t *index, const int32_t *strides, int32_t rank)
{
    int32_t offset = 0;
    for (int32_t d = 0; d < rank; d++)
    {
        offset += index[d] * strides[d];
    }
    return offset;
}

#endif
