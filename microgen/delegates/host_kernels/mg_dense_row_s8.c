/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_dense_row_s8.h"
#include "wide.h"

/*
 * `count` input vectors that lie input_step bytes apart, to as many output vectors side by side, as the kernel of the
 * same name in plain C computes them: two vectors and a block of outputs at a time.
 */
void mg_dense_row_s8(const mg_dense_row_s8_params *params, const int8_t *input, int32_t count,
                     int32_t input_step, int8_t *restrict output)
{
    const int32_t input_c = params->input_c;
    const int32_t output_c = params->output_c;
    const wide_output to = wide_output_of(params->multiplier, params->shift, params->quant_step, output_c,
                                          params->output_offset, &params->activation);
    const int32_t offset = params->input_offset;
    for (int32_t vector = 0; vector < count; vector += 2)
    {
        const int32_t vectors = mg_min(2, count - vector);
        for (int32_t channel = 0; channel < output_c; channel += WIDE_BLOCK)
        {
            const int32_t block = mg_min(WIDE_BLOCK, output_c - channel);
            uint32_t sums[2 * WIDE_BLOCK] = {0};
            uint32_t totals[2] = {0};
            for (int32_t start = 0; start < input_c; start += WIDE_PIECE)
            {
                const int32_t n = mg_min(WIDE_PIECE, input_c - start);
                int16_t x[2 * WIDE_PIECE];
                for (int32_t v = 0; v < vectors; v++)
                {
                    const int8_t *restrict from = input + v * input_step + start;
                    int32_t total = 0;
                    for (int32_t k = 0; k < n; k++)
                    {
                        x[v * n + k] = (int16_t)(from[k] + offset);
                        total += x[v * n + k];
                    }
                    totals[v] += (uint32_t)total;
                }
                wide_products(x, n, vectors, params->filter + channel * input_c + start, input_c, n, block, sums);
            }
            for (int32_t v = 0; v < vectors; v++)
            {
                const uint32_t extra = totals[v] * (uint32_t)params->filter_offset;
                for (int32_t i = 0; i < block; i++)
                {
                    sums[v * WIDE_BLOCK + i] +=
                        extra + (params->bias != NULL ? (uint32_t)params->bias[channel + i] : 0u);
                }
                wide_finish(&to, channel, block, sums + v * WIDE_BLOCK, output + v * output_c + channel);
            }
        }
        input += 2 * input_step;
        output += 2 * output_c;
    }
}
