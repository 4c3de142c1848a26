/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include <arm_mve.h>

#include "mg_requantize_s64.h"

/* The same as in plain C, eight values at a time. */
void mg_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, int32_t w_stride, int32_t count, int32_t n)
{
    for (int32_t left = n; left > 0; left -= MG_S16_BLOCK)
    {
        const int32_t length = mg_min(left, MG_S16_BLOCK);
        if (count == 4)
        {
            const int16_t *at = x;
            const int8_t *w0 = w;
            const int8_t *w1 = w0 + w_stride;
            const int8_t *w2 = w1 + w_stride;
            const int8_t *w3 = w2 + w_stride;
            int32_t sum0 = 0;
            int32_t sum1 = 0;
            int32_t sum2 = 0;
            int32_t sum3 = 0;
            for (int32_t rest = length; rest > 0; rest -= 8)
            {
                const mve_pred16_t lanes = vctp16q((uint32_t)rest);
                const int16x8_t values = vldrhq_z_s16(at, lanes);
                sum0 = vmladavaq_s16(sum0, values, vldrbq_z_s16(w0, lanes));
                sum1 = vmladavaq_s16(sum1, values, vldrbq_z_s16(w1, lanes));
                sum2 = vmladavaq_s16(sum2, values, vldrbq_z_s16(w2, lanes));
                sum3 = vmladavaq_s16(sum3, values, vldrbq_z_s16(w3, lanes));
                at += 8;
                w0 += 8;
                w1 += 8;
                w2 += 8;
                w3 += 8;
            }
            sums[0] += sum0;
            sums[1] += sum1;
            sums[2] += sum2;
            sums[3] += sum3;
        }
        else
        {
            for (int32_t unit = 0; unit < count; unit++)
            {
                const int16_t *at = x;
                const int8_t *row = w + unit * w_stride;
                int32_t sum = 0;
                for (int32_t rest = length; rest > 0; rest -= 8)
                {
                    const mve_pred16_t lanes = vctp16q((uint32_t)rest);
                    sum = vmladavaq_s16(sum, vldrhq_z_s16(at, lanes), vldrbq_z_s16(row, lanes));
                    at += 8;
                    row += 8;
                }
                sums[unit] += sum;
            }
        }
        x += length;
        w += length;
    }
}

#endif
