/* SPDX-License-Identifier: Apache-2.0 */
/* Dot products of an int8 vector, widened as it is read, with rows of int8 weights, for the DSP flavour. */
#ifndef MG_DSP_ROWS_S8_H
#define MG_DSP_ROWS_S8_H

#include "mg_dsp.h"

static inline int32_t mg_dsp_row_step(uint32_t weights, uint32_t even, uint32_t odd, int32_t sum)
{
    return mg_smlad(odd, mg_sxtb16_ror8(weights), mg_smlad(even, mg_sxtb16(weights), sum));
}

/* Adds to sums the products of four rows that lie w_stride bytes apart with the input, widened as it is read. */
static inline void mg_dsp_rows_4(int32_t *sums, const int8_t *x, const int8_t *w, int32_t w_stride, int32_t n,
                                 uint32_t offset)
{
    const int8_t *end = x + n / 4 * 4;
    int32_t sum0 = sums[0];
    int32_t sum1 = sums[1];
    int32_t sum2 = sums[2];
    int32_t sum3 = sums[3];
    while (x < end)
    {
        const uint32_t word = mg_dsp_load(x);
        const uint32_t even = mg_sxtab16(offset, word);
        const uint32_t odd = mg_sxtab16_ror8(offset, word);
        sum0 = mg_dsp_row_step(mg_dsp_load(w), even, odd, sum0);
        sum1 = mg_dsp_row_step(mg_dsp_load(w + w_stride), even, odd, sum1);
        sum2 = mg_dsp_row_step(mg_dsp_load(w + 2 * w_stride), even, odd, sum2);
        sum3 = mg_dsp_row_step(mg_dsp_load(w + 3 * w_stride), even, odd, sum3);
        x += 4;
        w += 4;
    }
    if (n % 4 != 0)
    {
        /* The weights behind the end are 0, so it does not matter that the input there is the offset. */
        const uint32_t word = mg_dsp_load_part(x, n % 4);
        const uint32_t even = mg_sxtab16(offset, word);
        const uint32_t odd = mg_sxtab16_ror8(offset, word);
        sum0 = mg_dsp_row_step(mg_dsp_load_part(w, n % 4), even, odd, sum0);
        sum1 = mg_dsp_row_step(mg_dsp_load_part(w + w_stride, n % 4), even, odd, sum1);
        sum2 = mg_dsp_row_step(mg_dsp_load_part(w + 2 * w_stride, n % 4), even, odd, sum2);
        sum3 = mg_dsp_row_step(mg_dsp_load_part(w + 3 * w_stride, n % 4), even, odd, sum3);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

static inline int32_t mg_dsp_row(int32_t sum, const int8_t *x, const int8_t *w, int32_t n, uint32_t offset)
{
    for (; n >= 4; n -= 4)
    {
        const uint32_t word = mg_dsp_load(x);
        sum = mg_dsp_row_step(mg_dsp_load(w), mg_sxtab16(offset, word), mg_sxtab16_ror8(offset, word), sum);
        x += 4;
        w += 4;
    }
    const uint32_t word = mg_dsp_load_part(x, n);
    return mg_dsp_row_step(mg_dsp_load_part(w, n), mg_sxtab16(offset, word), mg_sxtab16_ror8(offset, word), sum);
}

#endif
