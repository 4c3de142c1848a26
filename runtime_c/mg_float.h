/* SPDX-License-Identifier: Apache-2.0 */
/* Inline helpers of the kernels in single precision. */
#ifndef MG_FLOAT_H
#define MG_FLOAT_H

#include <math.h>

#include "mg_fma.h"
#include "mg_support.h"

/* min(max(value, low), high); what is not a number stays so. */
static inline float mg_clamp_f32(float value, float low, float high)
{
    const float raised = value < low ? low : value;
    return raised > high ? high : raised;
}

#endif
