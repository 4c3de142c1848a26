/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_mve.h"
#include "mg_support.h"

/* The sums of a window, four channels at a time; the last four begin early enough to be four. */
void mg_avgpool_sum_s8(int32_t *sums, const int8_t *input, int32_t rows, int32_t columns, int32_t row_step,
                       int32_t channels)
{
    const mve_pred16_t lanes = vctp32q((uint32_t)channels);
    for (int32_t next = 0; next < channels; next += 4)
    {
        const int32_t channel = mg_max(0, mg_min(next, channels - 4));
        const int8_t *row = input + channel;
        int32x4_t sum = vdupq_n_s32(0);
        for (int32_t y = 0; y < rows; y++)
        {
            const int8_t *x = row;
            for (int32_t i = 0; i < columns; i++)
            {
                sum = vaddq_s32(sum, channels >= 4 ? vldrbq_s32(x) : vldrbq_z_s32(x, lanes));
                x += channels;
            }
            row += row_step;
        }
        vstrwq_p_s32(sums + channel, sum, lanes);
    }
}

#endif
