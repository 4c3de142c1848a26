/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_DOT_WIDE_H
#define MG_DOT_WIDE_H

#include "mg_support.h"

/*
 * The dot product of n int16 values that lie x_step elements apart with as many that lie y_step apart, exact. Small
 * cores have no product of 64 bits: there the halves of products, which are at most 2^30, are added apart, and of
 * 2^15 of them both sums fit 32 bits.
 */
static inline int64_t mg_dot_strided_s16(const int16_t *x, int32_t x_step, const int16_t *y, int32_t y_step, int32_t n)
{
    int64_t sum = 0;
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
    for (int32_t left = n; left > 0; left -= 1 << 15)
    {
        uint32_t low = 0;
        int32_t high = 0;
        for (int32_t i = mg_min(left, 1 << 15); i > 0; i--)
        {
            const int32_t product = *x * *y;
            low += (uint32_t)product & 0xffffu;
            high += product >> 16;
            x += x_step;
            y += y_step;
        }
        sum += (int64_t)high * (1 << 16) + low;
    }
#else
    for (int32_t i = 0; i < n; i++)
    {
        sum += (int64_t)*x * *y;
        x += x_step;
        y += y_step;
    }
#endif
    return sum;
}

#endif
