/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_dense_row_s8.h"
#include "mg_mve.h"

/* What the filter's zero point adds to the sums of one input vector. */
static int32_t filter_offset_sum(const mg_dense_row_s8_params *params, const int8_t *input)
{
    const int32_t n = params->input_c;
    int32_t sum = mg_wrap_mul(n, params->input_offset);
    for (int32_t i = 0; i < n; i += 16)
    {
        sum = vaddvaq_s8(sum, vldrbq_z_s8(input + i, vctp8q((uint32_t)(n - i))));
    }
    return mg_wrap_mul(sum, params->filter_offset);
}

/*
 * `count` input vectors that lie input_step bytes apart, to as many output vectors side by side: four
 * channels at a time. The last four begin early enough to be four; of fewer than four the last is repeated and only
 * those that exist are stored. The input's offset counts by the sums of the weights.
 */
void mg_dense_row_s8(const mg_dense_row_s8_params *params, const int8_t *input, int32_t count,
                     int32_t input_step, int8_t *restrict output)
{
    const int32_t n = params->input_c;
    const int32_t output_c = params->output_c;
    const int32_t output_offset = params->output_offset;
    const int32_t step1 = output_c > 1 ? n : 0;
    const int32_t step2 = output_c > 2 ? n : 0;
    const int32_t step3 = output_c > 3 ? n : 0;
    const mve_pred16_t lanes = vctp32q((uint32_t)output_c);
    const uint32x4_t quant_index = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)params->quant_step);
    const int32x4_t low = vdupq_n_s32(params->activation.min);
    const int32x4_t high = vdupq_n_s32(params->activation.max);

    for (int32_t next = 0; next < output_c; next += 4)
    {
        const int32_t channel = mg_max(0, mg_min(next, output_c - 4));
        const int8_t *w0 = params->filter + channel * n;
        const int8_t *w1 = w0 + step1;
        const int8_t *w2 = w1 + step2;
        const int8_t *w3 = w2 + step3;
        const int32_t quant = channel * params->quant_step;
        const int32x4_t multiplier =
            vldrwq_gather_shifted_offset_z_s32(params->multiplier + quant, quant_index, lanes);
        const int32x4_t shift = vldrwq_gather_shifted_offset_z_s32(params->shift + quant, quant_index, lanes);
        const int32x4_t right = vminq_s32(shift, vdupq_n_s32(0));
        /* One question in the inner loop instead of two. */
        const bool is_unusual = vmaxvq_s32(0, shift) > 0 || params->filter_offset != 0;
        int32x4_t start = vdupq_n_s32(0);
        if (params->bias != NULL)
        {
            start = vldrwq_z_s32(params->bias + channel, lanes);
        }
        if (params->input_offset != 0)
        {
            start = vmlaq_n_s32(start, mg_mve_sum_4(w0, w1, w2, w3, n), params->input_offset);
        }

        const int8_t *x = input;
        int8_t *out = output + channel;
        const int8_t *end = out + count * output_c;
        while (out < end)
        {
            int32x4_t value = vaddq_s32(mg_mve_dot_1x4(x, w0, w1, w2, w3, n), start);
            if (is_unusual)
            {
                value = vaddq_n_s32(value, filter_offset_sum(params, x));
                value = vshlq_s32(value, vmaxq_s32(shift, vdupq_n_s32(0)));
            }
            value = mg_mve_rounding_divide(vqrdmulhq_s32(value, multiplier), right);
            value = vaddq_n_s32(value, output_offset);
            value = vminq_s32(vmaxq_s32(value, low), high);
            if (output_c >= 4)
            {
                vstrbq_s32(out, value);
            }
            else
            {
                vstrbq_p_s32(out, value, lanes);
            }
            x += input_step;
            out += output_c;
        }
    }
}

#endif
