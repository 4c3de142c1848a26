/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_FMA_H
#define MG_FMA_H

#include <math.h>

/* a * b + c: one instruction, rounded once, where the core has it; elsewhere fmaf would be a slow function. */
static inline float mg_multiply_add(float a, float b, float c)
{
#if defined(__ARM_FEATURE_FMA)
    return fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

#endif
