/* SPDX-License-Identifier: Apache-2.0 */
/* Helium: values of one scale brought to another, as mg_requantize does it. */
#ifndef MG_MVE_SCALE_H
#define MG_MVE_SCALE_H

#include <stdint.h>

#include "mg_mve.h"

/* How values of one operand, or sums, come to the next scale. */
typedef struct
{
    int32_t left;
    int32_t right;
    int32_t multiplier;
} mg_mve_factor;

#if MG_MVE

/* The shifts to the left may exceed 31, which leaves 0. */
static inline mg_mve_factor mg_mve_factor_of(int32_t left_shift, int32_t multiplier, int32_t shift)
{
    const mg_mve_factor made = {left_shift + mg_max(shift, 0), mg_min(shift, 0), multiplier};
    return made;
}

static inline int32x4_t mg_mve_rescale(int32x4_t value, mg_mve_factor by)
{
    value = vqrdmulhq_n_s32(vshlq_r_s32(value, by.left), by.multiplier);
    return mg_mve_rounding_divide(value, vdupq_n_s32(by.right));
}

#endif
#endif
