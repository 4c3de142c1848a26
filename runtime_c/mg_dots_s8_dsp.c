/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_dsp_rows_s8.h"

/* The same as in plain C; x is widened once for all vectors of weights. */
void mg_dots_s8(int32_t *sums, const int8_t *x, int32_t x_offset, const int8_t *w, int32_t w_stride, int32_t count,
                int32_t n)
{
    const uint32_t offset = mg_dsp_both(x_offset);
    if (count == 4)
    {
        mg_dsp_rows_4(sums, x, w, w_stride, n, offset);
        return;
    }
    for (int32_t i = 0; i < count; i++)
    {
        sums[i] = mg_dsp_row(sums[i], x, w + i * w_stride, n, offset);
    }
}

#endif
