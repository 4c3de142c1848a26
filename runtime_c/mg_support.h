/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inline helpers of the kernels. Arithmetic that may leave the range of int32_t wraps: it goes through
 * uint32_t, because overflow of a signed integer is undefined in C. A right shift of a negative number is
 * taken to keep its sign, as every compiler for Cortex-M does it.
 */
#ifndef MG_SUPPORT_H
#define MG_SUPPORT_H

#include "mg_nn_types.h"

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

/* The int8 output of an accumulator. */
static inline int8_t mg_requantize_s8(int32_t accumulator, int32_t multiplier, int32_t shift,
                                      int32_t output_offset, const cmsis_nn_activation *activation)
{
    const int32_t value = mg_wrap_add(mg_requantize(accumulator, multiplier, shift), output_offset);
    return (int8_t)mg_clamp(value, activation->min, activation->max);
}

/* Is there a buffer of that many bytes, aligned for pointers and int32_t? None is needed for 0 bytes. */
static inline bool mg_scratch_fits(const cmsis_nn_context *ctx, int32_t bytes)
{
    return bytes == 0 || (ctx != NULL && ctx->buf != NULL && ctx->size >= bytes &&
                          (uintptr_t)ctx->buf % sizeof(void *) == 0u);
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
