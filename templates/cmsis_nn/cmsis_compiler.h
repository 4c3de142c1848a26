/*
 * What CMSIS-NN 4.0 takes from CMSIS-Core's header of this name, for GCC and Clang; projects that were generated
 * without CMSIS-Core beside CMSIS-NN get it. Where CMSIS-Core is at hand, put it first on the include path.
 */
#ifndef __CMSIS_COMPILER_H
#define __CMSIS_COMPILER_H

#if !defined(__GNUC__)
#error "This stand-in serves GCC and Clang: put CMSIS-Core's Include folder first on the include path."
#endif

#include <arm_acle.h>
#include <stdint.h>

#define __ASM __asm
#define __INLINE inline
#define __RESTRICT __restrict
#define __ALIGNED(bytes) __attribute__((aligned(bytes)))
#define __STATIC_INLINE static inline
#define __STATIC_FORCEINLINE static inline __attribute__((always_inline))

__STATIC_FORCEINLINE uint8_t __CLZ(uint32_t value)
{
    return (uint8_t)(value == 0u ? 32 : __builtin_clz(value));
}

__STATIC_FORCEINLINE uint32_t __ROR(uint32_t value, uint32_t bits)
{
    bits %= 32u;
    return bits == 0u ? value : (value >> bits) | (value << (32u - bits));
}

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP == 1
#define __SXTB16(value) ((uint32_t)__sxtb16((int8x4_t)(value)))
#define __SXTAB16(sum, value) ((uint32_t)__sxtab16((int16x2_t)(sum), (int8x4_t)(value)))
#define __SADD16(a, b) ((uint32_t)__sadd16((int16x2_t)(a), (int16x2_t)(b)))
#define __QADD16(a, b) ((uint32_t)__qadd16((int16x2_t)(a), (int16x2_t)(b)))
#define __QSUB16(a, b) ((uint32_t)__qsub16((int16x2_t)(a), (int16x2_t)(b)))
#define __QSUB8(a, b) ((uint32_t)__qsub8((int8x4_t)(a), (int8x4_t)(b)))
#define __QADD(a, b) ((int32_t)__qadd((int32_t)(a), (int32_t)(b)))
#define __SMLAD(a, b, sum) ((uint32_t)__smlad((int16x2_t)(a), (int16x2_t)(b), (int32_t)(sum)))

/* The halves of two registers: the second operand is shifted by a constant. */
#define __PKHBT(low, high, shift) \
    ((((uint32_t)(low)) & 0xFFFFu) | ((((uint32_t)(high)) << (shift)) & 0xFFFF0000u))
#define __PKHTB(high, low, shift) \
    ((((uint32_t)(high)) & 0xFFFF0000u) | (((uint32_t)((int32_t)(low) >> (shift))) & 0xFFFFu))

#define __SXTB16_RORn(value, bits) __SXTB16(__ROR(value, bits))
#define __SXTAB16_RORn(sum, value, bits) __SXTAB16(sum, __ROR(value, bits))
#endif

#endif
