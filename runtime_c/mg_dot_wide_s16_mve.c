/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_dot_wide.h"
#include "mg_mve.h"

/* The same as in plain C. */
int64_t mg_dot_wide_s16(const int16_t *x, int32_t x_step, const int16_t *y, int32_t y_step, int32_t n)
{
    int64_t sum = 0;
    if (x_step != 1 || y_step != 1)
    {
        return mg_dot_strided_s16(x, x_step, y, y_step, n);
    }
    for (; n >= 8; n -= 8)
    {
        sum = vmlaldavaq_s16(sum, vldrhq_s16(x), vldrhq_s16(y));
        x += 8;
        y += 8;
    }
    if (n > 0)
    {
        const mve_pred16_t lanes = vctp16q((uint32_t)n);
        sum = vmlaldavaq_s16(sum, vldrhq_z_s16(x, lanes), vldrhq_z_s16(y, lanes));
    }
    return sum;
}

#endif
