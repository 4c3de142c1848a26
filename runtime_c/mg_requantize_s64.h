/* SPDX-License-Identifier: Apache-2.0 */
/* From the sums of int16 activations times int8 weights to int16 outputs. */
#ifndef MG_REQUANTIZE_S64_H
#define MG_REQUANTIZE_S64_H

#include "microgen_nn.h"
#include "mg_support.h"

/*
 * Products of int16 and int8 values of which that many fit an int32_t together: none is beyond 2^22, and
 * 504 * 2^22 < 2^31. A multiple of 8 and of 4.
 */
#define MG_S16_BLOCK 504

/* A multiplier cut to its upper 16 bits, rounded; 0..0x7FFF for a multiplier >= 0. */
static inline int32_t mg_reduced_multiplier(int32_t multiplier)
{
    return (mg_min(multiplier, 0x7FFF7FFF) + (1 << 15)) >> 16;
}

/* (value * reduced) / 2^16, rounded down; reduced in 0..0x7FFF. Small cores have no product of 64 bits. */
static inline int32_t mg_upper_product(int32_t value, int32_t reduced)
{
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
    const uint32_t low = ((uint32_t)value & 0xffffu) * (uint32_t)reduced;
    return (value >> 16) * reduced + (int32_t)(low >> 16);
#elif !MG_PORTABLE && defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ICCARM__)
    int32_t result;
    __asm__("smmul %0, %1, %2" : "=r"(result) : "r"(value), "r"(reduced << 16));
    return result;
#else
    return (int32_t)(((int64_t)value * (reduced << 16)) >> 32);
#endif
}

/*
 * value * multiplier * 2^(shift - 31) with the multiplier cut to 16 bits, rounded once, a half upwards; value has
 * at most 48 bits, multiplier >= 0, shift in -31..7. Where at least 17 bits are dropped, and the value has 32, the
 * lowest 16 of the product are dropped first: what is added to round is a multiple of 2^16, so that nothing carries.
 */
static inline int32_t mg_requantize_s64(int64_t value, int32_t multiplier, int32_t shift)
{
    if (value != (int32_t)value || shift > -2)
    {
        return mg_requantize_s64_wide(value, multiplier, shift);
    }
    /* Below 2^30, and so is what is added: multiplier and shift leave no more. */
    const int32_t upper = mg_upper_product((int32_t)value, mg_reduced_multiplier(multiplier));
    return (upper + (1 << (-2 - shift))) >> (-1 - shift);
}

static inline int16_t mg_to_activation_s16(int32_t value, const cmsis_nn_activation *activation)
{
    return (int16_t)mg_clamp(value, activation->min, activation->max);
}

#endif
