/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_depthwise_row_s8.h"
#include "mg_mve.h"
#include "mg_range.h"

/* The taps of one output position: kernel columns `kx`, the first column at byte x. */
typedef struct
{
    mg_range kx;
    int32_t x;
} window;

static inline window window_at(const mg_depthwise_row_s8_params *params, int32_t out_x)
{
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    window win;
    win.kx = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
    win.x = (origin + win.kx.begin * params->dilation_w) * params->input_c;
    return win;
}

/* What becomes of the sums of four channels. */
typedef struct
{
    int32_t bias[4];
    int32_t multiplier[4];
    int32_t right[4];
} factors;

/*
 * Those of eight channels: of the even ones in to[0] and of the odd ones in to[1], as their products come.
 * Returns whether there are shifts to the left.
 */
static bool load_factors(factors *to, const mg_depthwise_row_s8_params *params, int32_t channel)
{
    const int32x4x2_t multiplier = vld2q_s32(params->multiplier + channel);
    const int32x4x2_t shift = vld2q_s32(params->shift + channel);
    int32x4x2_t bias = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
    if (params->bias != NULL)
    {
        bias = vld2q_s32(params->bias + channel);
    }
    for (int32_t i = 0; i < 2; i++)
    {
        vstrwq_s32(to[i].bias, bias.val[i]);
        vstrwq_s32(to[i].multiplier, multiplier.val[i]);
        vstrwq_s32(to[i].right, vminq_s32(shift.val[i], vdupq_n_s32(0)));
    }
    return vmaxvq_s32(vmaxvq_s32(0, shift.val[0]), shift.val[1]) > 0;
}

static inline int32x4_t scaled(const factors *by, int32x4_t sum, int32_t output_offset)
{
    sum = vqrdmulhq_s32(sum, vldrwq_s32(by->multiplier));
    return vaddq_n_s32(mg_mve_rounding_divide(sum, vldrwq_s32(by->right)), output_offset);
}

/*
 * Adds to the sums the products of one row of the kernel, `count` taps, for eight channels or sixteen where
 * `halves` is 2.
 */
static inline void add_row(int32x4_t *sums, const int8_t *x, const int8_t *w, int32_t x_step, int32_t w_step,
                           int32_t offset, int32_t count, int32_t halves)
{
#if MG_MVE_ASM
    int16x8_t value;
    int16x8_t weight;
    int32x4_t product;
    if (halves == 2)
    {
        __asm volatile("dls lr, %[count]\n"
                       "1:\n\t"
                       "vldrb.s16 %q[value], [%[x]]\n\t"
                       "vldrb.s16 %q[weight], [%[w]]\n\t"
                       "vadd.i16 %q[value], %q[value], %[offset]\n\t"
                       "vmullb.s16 %q[product], %q[value], %q[weight]\n\t"
                       "vmullt.s16 %q[value], %q[value], %q[weight]\n\t"
                       "vldrb.s16 %q[weight], [%[w], #8]\n\t"
                       "vadd.i32 %q[sum0], %q[sum0], %q[product]\n\t"
                       "vadd.i32 %q[sum1], %q[sum1], %q[value]\n\t"
                       "vldrb.s16 %q[value], [%[x], #8]\n\t"
                       "add %[w], %[w], %[w_step]\n\t"
                       "vadd.i16 %q[value], %q[value], %[offset]\n\t"
                       "vmullb.s16 %q[product], %q[value], %q[weight]\n\t"
                       "vmullt.s16 %q[value], %q[value], %q[weight]\n\t"
                       "vadd.i32 %q[sum2], %q[sum2], %q[product]\n\t"
                       "vadd.i32 %q[sum3], %q[sum3], %q[value]\n\t"
                       "add %[x], %[x], %[x_step]\n\t"
                       "le lr, 1b"
                       : [sum0] "+w"(sums[0]), [sum1] "+w"(sums[1]), [sum2] "+w"(sums[2]),
                         [sum3] "+w"(sums[3]), [value] "=&w"(value), [weight] "=&w"(weight),
                         [product] "=&w"(product), [x] "+l"(x), [w] "+l"(w)
                       : [count] "r"(count), [x_step] "r"(x_step), [w_step] "r"(w_step), [offset] "r"(offset)
                       : "lr", "memory");
    }
    else
    {
        __asm volatile("dls lr, %[count]\n"
                       "1:\n\t"
                       "vldrb.s16 %q[value], [%[x]]\n\t"
                       "vldrb.s16 %q[weight], [%[w]]\n\t"
                       "vadd.i16 %q[value], %q[value], %[offset]\n\t"
                       "vmullb.s16 %q[product], %q[value], %q[weight]\n\t"
                       "add %[x], %[x], %[x_step]\n\t"
                       "vmullt.s16 %q[value], %q[value], %q[weight]\n\t"
                       "add %[w], %[w], %[w_step]\n\t"
                       "vadd.i32 %q[sum0], %q[sum0], %q[product]\n\t"
                       "vadd.i32 %q[sum1], %q[sum1], %q[value]\n\t"
                       "le lr, 1b"
                       : [sum0] "+w"(sums[0]), [sum1] "+w"(sums[1]), [value] "=&w"(value),
                         [weight] "=&w"(weight), [product] "=&w"(product), [x] "+l"(x), [w] "+l"(w)
                       : [count] "r"(count), [x_step] "r"(x_step), [w_step] "r"(w_step), [offset] "r"(offset)
                       : "lr", "memory");
    }
#else
    for (int32_t i = 0; i < count; i++)
    {
        for (int32_t half = 0; half < halves; half++)
        {
            const int16x8_t value = vaddq_n_s16(vldrbq_s16(x + 8 * half), (int16_t)offset);
            const int16x8_t weight = vldrbq_s16(w + 8 * half);
            sums[2 * half] = vaddq_s32(sums[2 * half], vmullbq_int_s16(value, weight));
            sums[2 * half + 1] = vaddq_s32(sums[2 * half + 1], vmulltq_int_s16(value, weight));
        }
        x += x_step;
        w += w_step;
    }
#endif
}

/* Eight neighbouring channels, or sixteen where `halves` is 2, of every position of the row. */
static inline void whole_block(const mg_depthwise_row_s8_params *params, const int8_t *const *rows,
                               mg_range taps, int32_t channel, int32_t halves, int8_t *output)
{
    const int32_t channels = params->input_c;
    const int32_t kernel_w = params->kernel_w;
    const int32_t filter_row = kernel_w * channels;
    const int32_t x_step = params->dilation_w * channels;
    const int32_t output_offset = params->output_offset;
    const int8_t *filter = params->filter + (taps.begin * filter_row + channel);
    const int16x8_t low = vdupq_n_s16((int16_t)params->activation.min);
    const int16x8_t high = vdupq_n_s16((int16_t)params->activation.max);
    factors by[4];
    bool is_any_left = load_factors(by, params, channel);
    if (halves == 2)
    {
        is_any_left |= load_factors(by + 2, params, channel + 8);
    }

    output += channel;
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const window win = window_at(params, out_x);
        const int32_t count = win.kx.end - win.kx.begin;
        int32x4_t sums[4];
        for (int32_t i = 0; i < 2 * halves; i++)
        {
            sums[i] = vldrwq_s32(by[i].bias);
        }
        if (count > 0)
        {
            const int8_t *w = filter + win.kx.begin * channels;
            for (int32_t ky = taps.begin; ky < taps.end; ky++)
            {
                add_row(sums, rows[ky] + (win.x + channel), w, x_step, channels, params->input_offset, count,
                        halves);
                w += filter_row;
            }
        }
        for (int32_t half = 0; half < halves && is_any_left; half++)
        {
            const int32x4x2_t shift = vld2q_s32(params->shift + (channel + 8 * half));
            sums[2 * half] = vshlq_s32(sums[2 * half], vmaxq_s32(shift.val[0], vdupq_n_s32(0)));
            sums[2 * half + 1] = vshlq_s32(sums[2 * half + 1], vmaxq_s32(shift.val[1], vdupq_n_s32(0)));
        }
        for (int32_t half = 0; half < halves; half++)
        {
            const int32x4_t even = scaled(&by[2 * half], sums[2 * half], output_offset);
            const int32x4_t odd = scaled(&by[2 * half + 1], sums[2 * half + 1], output_offset);
            int16x8_t value = vqmovnbq_s32(vreinterpretq_s16_s32(even), even);
            value = vqmovntq_s32(value, odd);
            vstrbq_s16(output + 8 * half, vminq_s16(vmaxq_s16(value, low), high));
        }
        output += channels;
    }
}

/* Up to four neighbouring output channels, those of `lanes`, with any channel multiplier. */
static MG_MVE_APART void four_channels(const mg_depthwise_row_s8_params *params, const int8_t *const *rows,
                                       mg_range taps, int32_t channel, mve_pred16_t lanes, int8_t *output)
{
    const int32_t ch_mult = params->ch_mult;
    const int32_t output_c = params->input_c * ch_mult;
    const int32_t x_step = params->dilation_w * params->input_c;
    const int32x4_t multiplier = vldrwq_z_s32(params->multiplier + channel, lanes);
    const int32x4_t shift = vldrwq_z_s32(params->shift + channel, lanes);
    uint32_t input_channels[4];
    for (int32_t i = 0; i < 4; i++)
    {
        input_channels[i] = (uint32_t)((channel + i) / ch_mult);
    }
    const uint32x4_t inputs = vldrwq_u32(input_channels);
    int32x4_t bias = vdupq_n_s32(0);
    if (params->bias != NULL)
    {
        bias = vldrwq_z_s32(params->bias + channel, lanes);
    }

    output += channel;
    for (int32_t out_x = 0; out_x < params->output_w; out_x++)
    {
        const window win = window_at(params, out_x);
        const int32_t count = win.kx.end - win.kx.begin;
        int32x4_t sum = bias;
        for (int32_t ky = taps.begin; ky < taps.end && count > 0; ky++)
        {
            const int8_t *x = rows[ky] + win.x;
            const int8_t *w = params->filter + ((ky * params->kernel_w + win.kx.begin) * output_c + channel);
            for (int32_t i = 0; i < count; i++)
            {
                const int32x4_t value = vldrbq_gather_offset_z_s32(x, inputs, lanes);
                const int32x4_t weight = vldrbq_z_s32(w, lanes);
                sum = vaddq_s32(sum, vmulq_s32(vaddq_n_s32(value, params->input_offset), weight));
                x += x_step;
                w += output_c;
            }
        }
        sum = vshlq_s32(sum, vmaxq_s32(shift, vdupq_n_s32(0)));
        sum = vqrdmulhq_s32(sum, multiplier);
        sum = mg_mve_rounding_divide(sum, vminq_s32(shift, vdupq_n_s32(0)));
        sum = vaddq_n_s32(sum, params->output_offset);
        sum = vmaxq_s32(sum, vdupq_n_s32(params->activation.min));
        sum = vminq_s32(sum, vdupq_n_s32(params->activation.max));
        vstrbq_p_s32(output, sum, lanes);
        output += output_c;
    }
}

/*
 * One output row. rows[ky] is the input row that row ky of the kernel reads. Only the kernel's rows `taps`
 * are computed, and only their pointers are read: one that would lie above or below the image may be left
 * out, or point to a row of zero points, with the same result. Where channels remain that are no whole block,
 * the last block begins early enough to be whole; what it computes again comes out the same.
 */
void mg_depthwise_row_s8(const mg_depthwise_row_s8_params *params, const int8_t *const *rows, mg_range taps,
                         int8_t *restrict output)
{
    const int32_t output_c = params->input_c * params->ch_mult;
    int32_t channel = 0;
    if (params->ch_mult == 1 && output_c >= 8)
    {
        while (channel < output_c)
        {
            if (output_c >= 16 && output_c - channel > 8)
            {
                whole_block(params, rows, taps, mg_min(channel, output_c - 16), 2, output);
                channel += 16;
            }
            else
            {
                whole_block(params, rows, taps, mg_min(channel, output_c - 8), 1, output);
                channel += 8;
            }
        }
    }
    for (; channel < output_c; channel += 4)
    {
        four_channels(params, rows, taps, channel, vctp32q((uint32_t)(output_c - channel)), output);
    }
}

#endif
