/* SPDX-License-Identifier: Apache-2.0 */
/* What the outputs of a convolution of int16 images read, side by side. */
#ifndef MG_GATHER_S16_H
#define MG_GATHER_S16_H

#include <string.h>

#include "mg_conv_row_s16.h"
#include "mg_mve.h"
#include "mg_range.h"

/* Does one output read one piece of the image, row by row, wherever it lies inside? */
static inline bool mg_is_one_run(const mg_conv_row_s16_params *params)
{
    return params->kernel_c == params->input_c && (params->dilation_w == 1 || params->kernel_w == 1);
}

/*
 * How many positions from out_x on read the image itself, none of them its padding: of kernels of one row, all of
 * whose channels are read.
 */
static inline int32_t mg_positions_inside(const mg_conv_row_s16_params *params, mg_range taps, int32_t out_x)
{
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const int32_t room = params->input_w - params->kernel_w - origin;
    if (!mg_is_one_run(params) || params->kernel_h != 1 || taps.begin == taps.end || origin < 0 || room < 0)
    {
        return 0;
    }
    return mg_min(room / params->stride_w + 1, params->output_w - out_x);
}

/* `count` zeros; returns what is behind them. */
static inline int16_t *mg_zeros_s16(int16_t *to, int32_t count)
{
    memset(to, 0, (size_t)count * sizeof *to);
    return to + count;
}

/* `count` values; returns what is behind the copies. */
static inline int16_t *mg_copies_s16(int16_t *to, const int16_t *from, int32_t count)
{
#if MG_MVE
    (void)mg_mve_copy((int8_t *)to, (const int8_t *)from, count * (int32_t)sizeof *to);
#else
    memcpy(to, from, (size_t)count * sizeof *to);
#endif
    return to + count;
}

/* Writes what one position reads of the channels from `channel` on, zeros where it lies outside the image. */
static inline void mg_gather_s16(const mg_conv_row_s16_params *params, const int16_t *const *rows, mg_range taps,
                                 int32_t out_x, int32_t channel, int16_t *to)
{
    const int32_t depth = params->kernel_c;
    const int32_t step = params->dilation_w;
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const mg_range columns = mg_clip_taps(origin, step, params->kernel_w, params->input_w);
    const int32_t count = columns.end - columns.begin;
    const int32_t runs = mg_is_one_run(params) ? mg_min(count, 1) : count;
    const int32_t length = runs == count ? depth : count * depth;
    to = mg_zeros_s16(to, taps.begin * params->kernel_w * depth);
    for (int32_t ky = taps.begin; ky < taps.end; ky++)
    {
        to = mg_zeros_s16(to, columns.begin * depth);
        if (count > 0)
        {
            const int16_t *from = rows[ky] + (origin + columns.begin * step) * params->input_c + channel;
            for (int32_t run = 0; run < runs; run++)
            {
                to = mg_copies_s16(to, from + run * step * params->input_c, length);
            }
        }
        to = mg_zeros_s16(to, (params->kernel_w - columns.end) * depth);
    }
    (void)mg_zeros_s16(to, (params->kernel_h - taps.end) * params->kernel_w * depth);
}

/* The matrix of the group behind one whose matrix is given. */
static inline void mg_next_group_s16(mg_matrix_s16_params *matrix)
{
    matrix->weights += matrix->units * matrix->depth;
    matrix->multiplier += matrix->units;
    matrix->shift += matrix->units;
    if (matrix->bias != NULL)
    {
        const size_t size = matrix->narrow != 0 ? sizeof(int32_t) : sizeof(int64_t);
        matrix->bias = (const int8_t *)matrix->bias + (size_t)matrix->units * size;
    }
}

#endif
