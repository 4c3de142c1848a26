/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of QUANTIZE, for every pair of types. */
#ifndef MG_QUANTIZE_H
#define MG_QUANTIZE_H

#include <math.h>

#include "mg_support.h"

/*
 * round(value / scale) + zero_point in single precision, halves away from zero, clamped to low..high. The
 * clamp comes before the conversion, which C leaves undefined for large numbers; NaN becomes zero_point.
 */
static inline int32_t mg_quantize_one(float value, float scale, int32_t zero_point, int32_t low, int32_t high)
{
    const float rounded = roundf(value / scale);
    if (rounded > (float)(high - zero_point))
    {
        return high;
    }
    if (rounded < (float)(low - zero_point))
    {
        return low;
    }
    return rounded == rounded ? (int32_t)rounded + zero_point : zero_point;
}

/* An integer of one scale and zero point in another; the multiplier and shift are the scales' quotient. */
static inline int32_t mg_requantize_one(int32_t value, int32_t input_zero_point, int32_t multiplier,
                                        int32_t shift, int32_t output_zero_point)
{
    const int32_t centred = mg_wrap_sub(value, input_zero_point);
    return mg_wrap_add(mg_requantize(centred, multiplier, shift), output_zero_point);
}

#endif
