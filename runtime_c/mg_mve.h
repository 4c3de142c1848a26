/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helium: dot products, requantization and copies that the kernels share. Nothing is read or written beyond
 * the elements that are named. Loops end with predicated lanes; compilers are poor at those, so the innermost
 * ones are assembly, with the same loops as intrinsics for compilers that do not take it.
 */
#ifndef MG_MVE_H
#define MG_MVE_H

#include "mg_isa.h"

#if MG_MVE

#include <arm_mve.h>

#include "mg_support.h"

#if !defined(MG_MVE_ASM)
#if defined(__GNUC__) && !defined(__ICCARM__)
#define MG_MVE_ASM 1
#else
#define MG_MVE_ASM 0
#endif
#endif

/* A function that keeps a frame of its own, so that its callers' do not hold it as well. */
#if defined(__GNUC__) && !defined(__ICCARM__)
#define MG_MVE_APART __attribute__((noinline))
#else
#define MG_MVE_APART
#endif

/* Lane i: the dot product of n elements of x and of w0, w1, w2 or w3. */
static inline int32x4_t mg_mve_dot_1x4(const int8_t *x, const int8_t *w0, const int8_t *w1, const int8_t *w2,
                                       const int8_t *w3, int32_t n)
{
#if MG_MVE_ASM
    int32x4_t lanes;
    int8x16_t w;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    __asm volatile("wlstp.8 lr, %[n], 2f\n"
                   "1:\n\t"
                   "vldrb.8 %q[lanes], [%[x]], #16\n\t"
                   "vldrb.8 %q[w], [%[w0]], #16\n\t"
                   "vmladava.s8 %[sum0], %q[lanes], %q[w]\n\t"
                   "vldrb.8 %q[w], [%[w1]], #16\n\t"
                   "vmladava.s8 %[sum1], %q[lanes], %q[w]\n\t"
                   "vldrb.8 %q[w], [%[w2]], #16\n\t"
                   "vmladava.s8 %[sum2], %q[lanes], %q[w]\n\t"
                   "vldrb.8 %q[w], [%[w3]], #16\n\t"
                   "vmladava.s8 %[sum3], %q[lanes], %q[w]\n\t"
                   "letp lr, 1b\n"
                   "2:\n\t"
                   "vmov %q[lanes][2], %q[lanes][0], %[sum0], %[sum2]\n\t"
                   "vmov %q[lanes][3], %q[lanes][1], %[sum1], %[sum3]"
                   : [lanes] "=&w"(lanes), [w] "=&w"(w), [sum0] "+Te"(sum0), [sum1] "+Te"(sum1),
                     [sum2] "+Te"(sum2), [sum3] "+Te"(sum3), [x] "+r"(x), [w0] "+r"(w0), [w1] "+r"(w1),
                     [w2] "+r"(w2), [w3] "+r"(w3)
                   : [n] "r"(n)
                   : "lr", "memory");
    return lanes;
#else
    int32_t sums[4] = {0, 0, 0, 0};
    for (int32_t i = 0; i < n; i += 16)
    {
        const mve_pred16_t lanes = vctp8q((uint32_t)(n - i));
        const int8x16_t y = vldrbq_z_s8(x + i, lanes);
        sums[0] = vmladavaq_s8(sums[0], y, vldrbq_z_s8(w0 + i, lanes));
        sums[1] = vmladavaq_s8(sums[1], y, vldrbq_z_s8(w1 + i, lanes));
        sums[2] = vmladavaq_s8(sums[2], y, vldrbq_z_s8(w2 + i, lanes));
        sums[3] = vmladavaq_s8(sums[3], y, vldrbq_z_s8(w3 + i, lanes));
    }
    return vldrwq_s32(sums);
#endif
}

/* The same of x + offset, which fits 16 bits; the sums wrap. */
static inline int32x4_t mg_mve_dot_1x4_offset(const int8_t *x, int32_t offset, const int8_t *w0, const int8_t *w1,
                                              const int8_t *w2, const int8_t *w3, int32_t n)
{
#if MG_MVE_ASM && defined(__OPTIMIZE__)
    int32x4_t lanes;
    int16x8_t w;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    __asm volatile("wlstp.16 lr, %[n], 2f\n"
                   "1:\n\t"
                   "vldrb.s16 %q[lanes], [%[x]], #8\n\t"
                   "vldrb.s16 %q[w], [%[w0]], #8\n\t"
                   "vadd.i16 %q[lanes], %q[lanes], %[offset]\n\t"
                   "vmladava.s16 %[sum0], %q[lanes], %q[w]\n\t"
                   "vldrb.s16 %q[w], [%[w1]], #8\n\t"
                   "vmladava.s16 %[sum1], %q[lanes], %q[w]\n\t"
                   "vldrb.s16 %q[w], [%[w2]], #8\n\t"
                   "vmladava.s16 %[sum2], %q[lanes], %q[w]\n\t"
                   "vldrb.s16 %q[w], [%[w3]], #8\n\t"
                   "vmladava.s16 %[sum3], %q[lanes], %q[w]\n\t"
                   "letp lr, 1b\n"
                   "2:\n\t"
                   "vmov %q[lanes][2], %q[lanes][0], %[sum0], %[sum2]\n\t"
                   "vmov %q[lanes][3], %q[lanes][1], %[sum1], %[sum3]"
                   : [lanes] "=&w"(lanes), [w] "=&w"(w), [sum0] "+Te"(sum0), [sum1] "+Te"(sum1),
                     [sum2] "+Te"(sum2), [sum3] "+Te"(sum3), [x] "+l"(x), [w0] "+l"(w0), [w1] "+l"(w1),
                     [w2] "+l"(w2), [w3] "+l"(w3)
                   : [n] "r"(n), [offset] "r"(offset)
                   : "lr", "memory");
    return lanes;
#else
    int32_t sums[4] = {0, 0, 0, 0};
    for (int32_t i = 0; i < n; i += 8)
    {
        const mve_pred16_t lanes = vctp16q((uint32_t)(n - i));
        const int16x8_t y = vaddq_n_s16(vldrbq_z_s16(x + i, lanes), (int16_t)offset);
        sums[0] = vmladavaq_s16(sums[0], y, vldrbq_z_s16(w0 + i, lanes));
        sums[1] = vmladavaq_s16(sums[1], y, vldrbq_z_s16(w1 + i, lanes));
        sums[2] = vmladavaq_s16(sums[2], y, vldrbq_z_s16(w2 + i, lanes));
        sums[3] = vmladavaq_s16(sums[3], y, vldrbq_z_s16(w3 + i, lanes));
    }
    return vldrwq_s32(sums);
#endif
}

/* The same of int16 values and int8 weights; n is at most MG_S16_BLOCK, so that the sums fit. */
static inline int32x4_t mg_mve_dot_1x4_s16(const int16_t *x, const int8_t *w0, const int8_t *w1, const int8_t *w2,
                                           const int8_t *w3, int32_t n)
{
#if MG_MVE_ASM
    int32x4_t lanes;
    int16x8_t w;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    __asm volatile("wlstp.16 lr, %[n], 2f\n"
                   "1:\n\t"
                   "vldrh.16 %q[lanes], [%[x]], #16\n\t"
                   "vldrb.s16 %q[w], [%[w0]], #8\n\t"
                   "vmladava.s16 %[sum0], %q[lanes], %q[w]\n\t"
                   "vldrb.s16 %q[w], [%[w1]], #8\n\t"
                   "vmladava.s16 %[sum1], %q[lanes], %q[w]\n\t"
                   "vldrb.s16 %q[w], [%[w2]], #8\n\t"
                   "vmladava.s16 %[sum2], %q[lanes], %q[w]\n\t"
                   "vldrb.s16 %q[w], [%[w3]], #8\n\t"
                   "vmladava.s16 %[sum3], %q[lanes], %q[w]\n\t"
                   "letp lr, 1b\n"
                   "2:\n\t"
                   "vmov %q[lanes][2], %q[lanes][0], %[sum0], %[sum2]\n\t"
                   "vmov %q[lanes][3], %q[lanes][1], %[sum1], %[sum3]"
                   : [lanes] "=&w"(lanes), [w] "=&w"(w), [sum0] "+Te"(sum0), [sum1] "+Te"(sum1),
                     [sum2] "+Te"(sum2), [sum3] "+Te"(sum3), [x] "+r"(x), [w0] "+l"(w0), [w1] "+l"(w1),
                     [w2] "+l"(w2), [w3] "+l"(w3)
                   : [n] "r"(n)
                   : "lr", "memory");
    return lanes;
#else
    int32_t sums[4] = {0, 0, 0, 0};
    for (int32_t i = 0; i < n; i += 8)
    {
        const mve_pred16_t lanes = vctp16q((uint32_t)(n - i));
        const int16x8_t y = vldrhq_z_s16(x + i, lanes);
        sums[0] = vmladavaq_s16(sums[0], y, vldrbq_z_s16(w0 + i, lanes));
        sums[1] = vmladavaq_s16(sums[1], y, vldrbq_z_s16(w1 + i, lanes));
        sums[2] = vmladavaq_s16(sums[2], y, vldrbq_z_s16(w2 + i, lanes));
        sums[3] = vmladavaq_s16(sums[3], y, vldrbq_z_s16(w3 + i, lanes));
    }
    return vldrwq_s32(sums);
#endif
}

/* Lane i: the sum of n elements of w0, w1, w2 or w3. */
static inline int32x4_t mg_mve_sum_4(const int8_t *w0, const int8_t *w1, const int8_t *w2, const int8_t *w3,
                                     int32_t n)
{
#if MG_MVE_ASM
    int32x4_t lanes;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    __asm volatile("wlstp.8 lr, %[n], 2f\n"
                   "1:\n\t"
                   "vldrb.8 %q[lanes], [%[w0]], #16\n\t"
                   "vaddva.s8 %[sum0], %q[lanes]\n\t"
                   "vldrb.8 %q[lanes], [%[w1]], #16\n\t"
                   "vaddva.s8 %[sum1], %q[lanes]\n\t"
                   "vldrb.8 %q[lanes], [%[w2]], #16\n\t"
                   "vaddva.s8 %[sum2], %q[lanes]\n\t"
                   "vldrb.8 %q[lanes], [%[w3]], #16\n\t"
                   "vaddva.s8 %[sum3], %q[lanes]\n\t"
                   "letp lr, 1b\n"
                   "2:\n\t"
                   "vmov %q[lanes][2], %q[lanes][0], %[sum0], %[sum2]\n\t"
                   "vmov %q[lanes][3], %q[lanes][1], %[sum1], %[sum3]"
                   : [lanes] "=&w"(lanes), [sum0] "+Te"(sum0), [sum1] "+Te"(sum1), [sum2] "+Te"(sum2),
                     [sum3] "+Te"(sum3), [w0] "+r"(w0), [w1] "+r"(w1), [w2] "+r"(w2), [w3] "+r"(w3)
                   : [n] "r"(n)
                   : "lr", "memory");
    return lanes;
#else
    int32_t sums[4] = {0, 0, 0, 0};
    for (int32_t i = 0; i < n; i += 16)
    {
        const mve_pred16_t lanes = vctp8q((uint32_t)(n - i));
        sums[0] = vaddvaq_s8(sums[0], vldrbq_z_s8(w0 + i, lanes));
        sums[1] = vaddvaq_s8(sums[1], vldrbq_z_s8(w1 + i, lanes));
        sums[2] = vaddvaq_s8(sums[2], vldrbq_z_s8(w2 + i, lanes));
        sums[3] = vaddvaq_s8(sums[3], vldrbq_z_s8(w3 + i, lanes));
    }
    return vldrwq_s32(sums);
#endif
}

/* Copies n bytes and returns the end of the copy. */
static inline int8_t *mg_mve_copy(int8_t *to, const int8_t *from, int32_t n)
{
#if MG_MVE_ASM
    int8_t *end = to;
    int8x16_t bytes;
    __asm volatile("wlstp.8 lr, %[n], 2f\n"
                   "1:\n\t"
                   "vldrb.8 %q[bytes], [%[from]], #16\n\t"
                   "vstrb.8 %q[bytes], [%[end]], #16\n\t"
                   "letp lr, 1b\n"
                   "2:"
                   : [end] "+r"(end), [from] "+r"(from), [bytes] "=&w"(bytes)
                   : [n] "r"(n)
                   : "lr", "memory");
#else
    for (int32_t i = 0; i < n; i += 16)
    {
        const mve_pred16_t lanes = vctp8q((uint32_t)(n - i));
        vstrbq_p_s8(to + i, vldrbq_z_s8(from + i, lanes), lanes);
    }
#endif
    return to + n;
}

/* n times the same byte; returns the end. */
static inline int8_t *mg_mve_fill(int8_t *to, int8_t value, int32_t n)
{
    for (int32_t i = 0; i < n; i += 16)
    {
        vstrbq_p_s8(to + i, vdupq_n_s8(value), vctp8q((uint32_t)(n - i)));
    }
    return to + n;
}

/*
 * value / 2^-right, a half rounded away from zero, right in -31..0: the instruction rounds a half up, so that
 * a negative value that loses bits is made one less first.
 */
static inline int32x4_t mg_mve_rounding_divide(int32x4_t value, int32x4_t right)
{
    const int32x4_t one_less = vshrq_n_s32(vandq_s32(value, right), 31);
    return vrshlq_s32(vqaddq_s32(value, one_less), right);
}

#endif
#endif
