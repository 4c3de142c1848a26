/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_DSP && !MG_MVE

#include "mg_dot_wide.h"

/* The dot product of n int16 values that lie x_step elements apart with as many that lie y_step apart, exact. */
int64_t mg_dot_wide_s16(const int16_t *x, int32_t x_step, const int16_t *y, int32_t y_step, int32_t n)
{
    return mg_dot_strided_s16(x, x_step, y, y_step, n);
}

#endif
