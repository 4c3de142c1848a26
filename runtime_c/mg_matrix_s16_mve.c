/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_finish_s16.h"
#include "mg_mve.h"

/* What four units, the last of them perhaps repeated, make of their sums. */
typedef struct
{
    int32x4_t bias;
    int32x4_t multiplier;
    int32x4_t shift;
} quad;

/* Four units from `unit` on, those of `lanes`. Returns whether their sums can be finished in 32 bits. */
static inline bool load_quad(quad *to, const mg_matrix_s16_params *params, int32_t unit, int32_t count,
                             mve_pred16_t lanes)
{
    const uint32x4_t index = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)params->quant_step);
    const int32_t quant = unit * params->quant_step;
    bool is_narrow = params->depth <= MG_S16_BLOCK && params->narrow == 0;
    to->multiplier = vldrwq_gather_shifted_offset_z_s32(params->multiplier + quant, index, lanes);
    to->shift = vldrwq_gather_shifted_offset_z_s32(params->shift + quant, index, lanes);
    to->bias = vdupq_n_s32(0);
    if (params->bias != NULL && is_narrow)
    {
        const int64_t *bias = params->bias;
        int32_t low[4] = {0, 0, 0, 0};
        for (int32_t i = 0; i < count; i++)
        {
            low[i] = (int32_t)(uint32_t)((uint64_t)bias[unit + i] & 0xffffffffu);
            is_narrow &= low[i] == bias[unit + i];
        }
        to->bias = vldrwq_s32(low);
    }
    /* Multipliers cut to their upper halves; then the instruction's product loses 16 bits, as mg_upper_product. */
    const int32x4_t limited = vminq_s32(to->multiplier, vdupq_n_s32(0x7FFF7FFF));
    to->multiplier = vbicq_s32(vaddq_n_s32(limited, 1 << 15), vdupq_n_s32(0xFFFF));
    return is_narrow && vmaxvq_p_s32(-32, to->shift, lanes) <= -2;
}

/* Any sums of four units or fewer, one at a time. */
static MG_MVE_APART void finish_apart(const mg_matrix_s16_params *params, const int16_t *x, int32_t unit, int32_t count,
                                      int16_t *output)
{
    int64_t sums[4] = {0, 0, 0, 0};
    mg_dots_s16(sums, x, params->weights + unit * params->depth, params->depth, count, params->depth);
    for (int32_t i = 0; i < count; i++)
    {
        output[i] = mg_finish_s16(params, unit + i, sums[i]);
    }
}

/*
 * The same as in plain C, four units at a time. The last four begin early enough to be four; of fewer than four the
 * last is repeated and only those that exist are stored.
 */
void mg_matrix_s16(const mg_matrix_s16_params *params, const int16_t *x, int32_t count, int32_t x_step,
                   int16_t *output)
{
    const int32_t n = params->depth;
    const int32_t units = params->units;
    const int32_t together = mg_min(units, 4);
    const int32_t step1 = units > 1 ? n : 0;
    const int32_t step2 = units > 2 ? n : 0;
    const int32_t step3 = units > 3 ? n : 0;
    const mve_pred16_t lanes = vctp32q((uint32_t)units);
    const int32x4_t low = vdupq_n_s32(params->activation.min);
    const int32x4_t high = vdupq_n_s32(params->activation.max);

    for (int32_t next = 0; next < units; next += 4)
    {
        const int32_t unit = mg_max(0, mg_min(next, units - 4));
        const int8_t *w0 = params->weights + unit * n;
        const int8_t *w1 = w0 + step1;
        const int8_t *w2 = w1 + step2;
        const int8_t *w3 = w2 + step3;
        quad by;
        const bool is_usual = load_quad(&by, params, unit, together, lanes);
        const int32x4_t right = vaddq_n_s32(by.shift, 1);
        const int16_t *from = x;
        int16_t *out = output + unit;
        for (int32_t vector = 0; vector < count; vector++)
        {
            if (is_usual)
            {
                const int32x4_t sum = mg_mve_dot_1x4_s16(from, w0, w1, w2, w3, n);
                const int32x4_t whole = vqaddq_s32(sum, by.bias);
                /* Lanes of a sum beyond 32 bits. */
                if (vcmpneq_s32(whole, vaddq_s32(sum, by.bias)) == 0)
                {
                    int32x4_t value = vrshlq_s32(vmulhq_s32(whole, by.multiplier), right);
                    value = vminq_s32(vmaxq_s32(value, low), high);
                    vstrhq_p_s32(out, value, lanes);
                }
                else
                {
                    finish_apart(params, from, unit, together, out);
                }
            }
            else
            {
                finish_apart(params, from, unit, together, out);
            }
            from += x_step;
            out += params->output_step;
        }
    }
}

#endif
