/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_dot_wide.h"
#include "mg_dsp.h"

/* The same as in plain C. */
int64_t mg_dot_wide_s16(const int16_t *x, int32_t x_step, const int16_t *y, int32_t y_step, int32_t n)
{
    int64_t sum = 0;
    if (x_step == 1 && y_step == 1)
    {
        for (; n >= 4; n -= 4)
        {
            sum = mg_smlald(mg_dsp_load_s16(x), mg_dsp_load_s16(y), sum);
            sum = mg_smlald(mg_dsp_load_s16(x + 2), mg_dsp_load_s16(y + 2), sum);
            x += 4;
            y += 4;
        }
    }
    return sum + mg_dot_strided_s16(x, x_step, y, y_step, n);
}

#endif
