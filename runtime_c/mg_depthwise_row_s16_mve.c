/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_depthwise_window_s16.h"
#include "mg_mve.h"

/* What becomes of the sums of four channels, every other one of eight. */
typedef struct
{
    int32x4_t bias;
    int32x4_t multiplier;
    int32x4_t right;
} factors;

/* Those of eight channels, the even and the odd ones. Returns whether their sums can be finished in 32 bits. */
static bool load_factors(factors *to, const mg_depthwise_row_s16_params *params, int32_t channel)
{
    const int32x4x2_t multiplier = vld2q_s32(params->multiplier + channel);
    const int32x4x2_t shift = vld2q_s32(params->shift + channel);
    int32_t low[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    bool is_narrow = true;
    for (int32_t i = 0; i < 8 && params->bias != NULL; i++)
    {
        const int64_t bias = params->bias[channel + i];
        low[i] = (int32_t)(uint32_t)((uint64_t)bias & 0xffffffffu);
        is_narrow &= low[i] == bias;
    }
    const int32x4x2_t bias = vld2q_s32(low);
    for (int32_t i = 0; i < 2; i++)
    {
        const int32x4_t limited = vminq_s32(multiplier.val[i], vdupq_n_s32(0x7FFF7FFF));
        to[i].multiplier = vbicq_s32(vaddq_n_s32(limited, 1 << 15), vdupq_n_s32(0xFFFF));
        to[i].right = vaddq_n_s32(shift.val[i], 1);
        to[i].bias = bias.val[i];
    }
    return is_narrow && vmaxvq_s32(vmaxvq_s32(-32, shift.val[0]), shift.val[1]) <= -2;
}

/* mg_requantize_s64 of four sums of 32 bits. */
static inline int32x4_t scaled(const factors *by, int32x4_t sum)
{
    return vrshlq_s32(vmulhq_s32(sum, by->multiplier), by->right);
}

/*
 * Eight neighbouring outputs of as many inputs, whose sums fit 32 bits without their bias. Returns false, and writes
 * nothing, where they do not with it.
 */
static inline bool eight(const mg_depthwise_row_s16_params *params, const mg_depthwise_window_s16 *at,
                         const factors *by, int32_t channel, int16_t *output)
{
    const int32_t channels = params->input_c;
    const int32_t filter_row = params->kernel_w * channels;
    const int8_t *filter = params->filter + (at->taps.begin * filter_row + at->columns.begin * channels + channel);
    const int32_t count = at->columns.end - at->columns.begin;
    int32x4_t even = vdupq_n_s32(0);
    int32x4_t odd = vdupq_n_s32(0);
    for (int32_t ky = at->taps.begin; ky < at->taps.end; ky++)
    {
        const int16_t *x = at->rows[ky] + (at->first + channel);
        const int8_t *w = filter;
        for (int32_t i = 0; i < count; i++)
        {
            const int16x8_t value = vldrhq_s16(x);
            const int16x8_t weight = vldrbq_s16(w);
            even = vaddq_s32(even, vmullbq_int_s16(value, weight));
            odd = vaddq_s32(odd, vmulltq_int_s16(value, weight));
            x += at->step;
            w += channels;
        }
        filter += filter_row;
    }
    const int32x4_t even_sum = vqaddq_s32(even, by[0].bias);
    const int32x4_t odd_sum = vqaddq_s32(odd, by[1].bias);
    if ((vcmpneq_s32(even_sum, vaddq_s32(even, by[0].bias)) | vcmpneq_s32(odd_sum, vaddq_s32(odd, by[1].bias))) != 0)
    {
        return false;
    }
    even = scaled(&by[0], even_sum);
    int16x8_t value = vqmovntq_s32(vqmovnbq_s32(vreinterpretq_s16_s32(even), even), scaled(&by[1], odd_sum));
    value = vmaxq_s16(value, vdupq_n_s16((int16_t)params->activation.min));
    vstrhq_s16(output + channel, vminq_s16(value, vdupq_n_s16((int16_t)params->activation.max)));
    return true;
}

/*
 * One row of outputs; rows and taps as those of mg_conv_row_s16. The last eight channels begin early enough to be
 * eight.
 */
void mg_depthwise_row_s16(const mg_depthwise_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                          int16_t *output)
{
    const int32_t channels = params->input_c * params->ch_mult;
    const bool by_eight = params->ch_mult == 1 && channels >= 8 &&
                          (int64_t)params->kernel_h * params->kernel_w <= MG_S16_BLOCK;
    for (int32_t next = 0; next < channels; next += 8)
    {
        const int32_t channel = by_eight ? mg_min(next, channels - 8) : next;
        const int32_t end = mg_min(channel + 8, channels);
        factors by[2];
        const bool is_usual = by_eight && load_factors(by, params, channel);
        for (int32_t out_x = 0; out_x < params->output_w; out_x++)
        {
            const mg_depthwise_window_s16 at = mg_depthwise_window_at(params, rows, taps, out_x);
            int16_t *out = output + out_x * channels;
            if (is_usual && eight(params, &at, by, channel, out))
            {
                continue;
            }
            for (int32_t i = channel; i < end; i++)
            {
                mg_depthwise_one_s16(params, &at, i, out);
            }
        }
    }
}

#endif
