/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_DSP && !MG_MVE

#include "mg_dot_s8.h"

/*
 * Adds to `count` sums, 4 at most, the dot products of (x + x_offset), n values, with as many vectors of weights that
 * lie w_stride apart. The sums wrap.
 */
void mg_dots_s8(int32_t *sums, const int8_t *x, int32_t x_offset, const int8_t *w, int32_t w_stride, int32_t count,
                int32_t n)
{
    uint32_t wrapped[4] = {0, 0, 0, 0};
    if (count == 4)
    {
        mg_dot4_s8(wrapped, x, x_offset, w, w_stride, n);
    }
    else
    {
        for (int32_t i = 0; i < count; i++)
        {
            wrapped[i] = mg_dot_s8(0, x, x_offset, w + i * w_stride, n);
        }
    }
    for (int32_t i = 0; i < count; i++)
    {
        sums[i] = (int32_t)((uint32_t)sums[i] + wrapped[i]);
    }
}

#endif
