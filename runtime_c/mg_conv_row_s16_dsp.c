/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_DSP

#include "mg_dsp_patch.h"
#include "mg_finish_s16.h"
#include "mg_gather_s16.h"

/* Brings what one position reads, n elements, into the order of a patch. */
static MG_APART void pack(uint32_t *patch, int32_t step, const int16_t *x, int32_t n)
{
    const int16_t *end = x + n / 4 * 4;
    for (; x < end; x += 4)
    {
        const uint32_t first = mg_dsp_load_s16(x);
        const uint32_t second = mg_dsp_load_s16(x + 2);
        patch[0] = mg_dsp_lows(first, second);
        patch[1] = mg_dsp_highs(first, second);
        patch += step;
    }
    if (n % 4 != 0)
    {
        const uint32_t third = n % 4 > 2 ? (uint32_t)(uint16_t)x[2] : 0u;
        patch[0] = (uint32_t)(uint16_t)x[0] | third << 16;
        patch[1] = n % 4 > 1 ? (uint32_t)(uint16_t)x[1] : 0u;
    }
}

/* What one position reads: a piece of the image, or gathered behind the patches. */
static const int16_t *window(const mg_conv_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                             int32_t out_x, int32_t channel)
{
    if (mg_positions_inside(params, taps, out_x) > 0)
    {
        return rows[0] + (out_x * params->stride_w - params->padding_w) * params->input_c;
    }
    int16_t *gathered = params->patch + (params->matrix.depth + 3) / 4 * 8;
    mg_gather_s16(params, rows, taps, out_x, channel, gathered);
    return gathered;
}

/* The outputs of one unit at two neighbouring positions. */
static MG_APART void finish_two(const mg_matrix_s16_params *matrix, int32_t unit, int64_t sum0, int64_t sum1,
                                int16_t *output)
{
    const int32_t multiplier = matrix->multiplier[unit * matrix->quant_step];
    const int32_t shift = matrix->shift[unit * matrix->quant_step];
    const int64_t *biases = matrix->bias;
    output += unit;
    if (matrix->narrow != 0)
    {
        *output = mg_finish_s16(matrix, unit, sum0);
        output[matrix->output_step] = mg_finish_s16(matrix, unit, sum1);
        return;
    }
    const int64_t bias = biases != NULL ? biases[unit] : 0;
    const int32_t value0 = mg_requantize_s64(sum0 + bias, multiplier, shift);
    const int32_t value1 = mg_requantize_s64(sum1 + bias, multiplier, shift);
    *output = mg_to_activation_s16(value0, &matrix->activation);
    output[matrix->output_step] = mg_to_activation_s16(value1, &matrix->activation);
}

/* Two units of two neighbouring positions. */
static MG_APART void two_units(const mg_matrix_s16_params *matrix, const uint32_t *patches, int32_t unit,
                               int16_t *output)
{
    const int32_t depth = matrix->depth;
    const int8_t *w = matrix->weights + unit * depth;
    mg_dsp_sums sums = {0, 0, 0, 0};
    mg_dsp_dot_2x2(&sums, patches, w, w + depth, depth);
    finish_two(matrix, unit, sums.sum00, sums.sum01, output);
    finish_two(matrix, unit + 1, sums.sum10, sums.sum11, output);
}

/* The same where the sums do not fit 32 bits. */
static MG_APART void two_long_units(const mg_matrix_s16_params *matrix, const uint32_t *patches, int32_t unit,
                                    int16_t *output)
{
    const int8_t *w = matrix->weights + unit * matrix->depth;
    int64_t sum00 = 0;
    int64_t sum01 = 0;
    int64_t sum10 = 0;
    int64_t sum11 = 0;
    for (int32_t begin = 0; begin < matrix->depth; begin += MG_S16_BLOCK)
    {
        const int32_t n = mg_min(MG_S16_BLOCK, matrix->depth - begin);
        mg_dsp_sums part = {0, 0, 0, 0};
        mg_dsp_dot_2x2(&part, patches + begin, w + begin, w + matrix->depth + begin, n);
        sum00 += part.sum00;
        sum01 += part.sum01;
        sum10 += part.sum10;
        sum11 += part.sum11;
    }
    finish_two(matrix, unit, sum00, sum01, output);
    finish_two(matrix, unit + 1, sum10, sum11, output);
}

/* One unit of one position, whose patch's groups lie `step` words apart. */
static MG_APART void one_unit(const mg_matrix_s16_params *matrix, const uint32_t *patch, int32_t step, int32_t unit,
                              int16_t *output)
{
    const int8_t *w = matrix->weights + unit * matrix->depth;
    int64_t sum = 0;
    for (int32_t begin = 0; begin < matrix->depth; begin += MG_S16_BLOCK)
    {
        const int32_t n = mg_min(MG_S16_BLOCK, matrix->depth - begin);
        sum += mg_dsp_dot_1x1(0, patch + begin / 4 * step, step, w + begin, n);
    }
    output[unit] = mg_finish_s16(matrix, unit, sum);
}

/*
 * One row of outputs. rows[ky] is the input row that row ky of the kernel reads, for the ky in taps; the others lie
 * outside the image. Two positions at a time.
 */
void mg_conv_row_s16(const mg_conv_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                     int16_t *output)
{
    const int32_t groups = params->input_c / params->kernel_c;
    const int32_t depth = params->matrix.depth;
    uint32_t *patch = (uint32_t *)(void *)params->patch;
    for (int32_t out_x = 0; out_x < params->output_w; out_x += 2)
    {
        const bool is_pair = params->output_w - out_x >= 2;
        const int32_t step = is_pair ? MG_DSP_PAIR : MG_DSP_SINGLE;
        mg_matrix_s16_params matrix = params->matrix;
        for (int32_t group = 0; group < groups; group++)
        {
            const int32_t channel = group * params->kernel_c;
            int32_t unit = 0;
            pack(patch, step, window(params, rows, taps, out_x, channel), depth);
            if (is_pair)
            {
                pack(patch + MG_DSP_SINGLE, step, window(params, rows, taps, out_x + 1, channel), depth);
                for (; matrix.units - unit >= 2; unit += 2)
                {
                    if (depth <= MG_S16_BLOCK)
                    {
                        two_units(&matrix, patch, unit, output);
                    }
                    else
                    {
                        two_long_units(&matrix, patch, unit, output);
                    }
                }
            }
            for (; unit < matrix.units; unit++)
            {
                one_unit(&matrix, patch, step, unit, output);
                if (is_pair)
                {
                    one_unit(&matrix, patch + MG_DSP_SINGLE, step, unit, output + matrix.output_step);
                }
            }
            mg_next_group_s16(&matrix);
            output += matrix.units;
        }
        output += is_pair ? params->output_c : 0;
    }
}

#endif
