/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_mve.h"

/* The same as in plain C. Where there are fewer than four vectors, the last of them is repeated. */
void mg_dots_s8(int32_t *sums, const int8_t *x, int32_t x_offset, const int8_t *w, int32_t w_stride, int32_t count,
                int32_t n)
{
    const int8_t *w1 = w + (count > 1 ? w_stride : 0);
    const int8_t *w2 = w1 + (count > 2 ? w_stride : 0);
    const int8_t *w3 = w2 + (count > 3 ? w_stride : 0);
    const mve_pred16_t lanes = vctp32q((uint32_t)count);
    const int32x4_t products = mg_mve_dot_1x4_offset(x, x_offset, w, w1, w2, w3, n);
    vstrwq_p_s32(sums, vaddq_s32(vldrwq_z_s32(sums, lanes), products), lanes);
}

#endif
