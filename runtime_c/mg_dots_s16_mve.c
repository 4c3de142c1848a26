/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_mve.h"
#include "mg_requantize_s64.h"

/* The same as in plain C, eight values at a time. Where there are fewer than four vectors, one of them stands in. */
void mg_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, int32_t w_stride, int32_t count, int32_t n)
{
    const int32_t step1 = count > 1 ? w_stride : 0;
    const int32_t step2 = count > 2 ? w_stride : 0;
    const int32_t step3 = count > 3 ? w_stride : 0;
    for (int32_t left = n; left > 0; left -= MG_S16_BLOCK)
    {
        const int8_t *w1 = w + step1;
        const int8_t *w2 = w1 + step2;
        const int32x4_t part = mg_mve_dot_1x4_s16(x, w, w1, w2, w2 + step3, mg_min(left, MG_S16_BLOCK));
        sums[0] += vgetq_lane_s32(part, 0);
        if (count > 1)
        {
            sums[1] += vgetq_lane_s32(part, 1);
        }
        if (count > 2)
        {
            sums[2] += vgetq_lane_s32(part, 2);
        }
        if (count > 3)
        {
            sums[3] += vgetq_lane_s32(part, 3);
        }
        x += MG_S16_BLOCK;
        w += MG_S16_BLOCK;
    }
}

#endif
