/* SPDX-License-Identifier: Apache-2.0 */
/* One output of a depthwise convolution of int16 images, wherever it lies. */
#ifndef MG_DEPTHWISE_WINDOW_S16_H
#define MG_DEPTHWISE_WINDOW_S16_H

#include "mg_depthwise_row_s16.h"
#include "mg_range.h"
#include "mg_requantize_s64.h"

/* Where the taps of one output position lie in the image. */
typedef struct
{
    const int16_t *const *rows;
    mg_range taps;
    mg_range columns;
    int32_t first; /* of a row, at the first of columns */
    int32_t step;  /* from column to column */
} mg_depthwise_window_s16;

/* The taps of one output position of a row. */
static inline mg_depthwise_window_s16 mg_depthwise_window_at(const mg_depthwise_row_s16_params *params,
                                                             const int16_t *const *rows, mg_range taps, int32_t out_x)
{
    const int32_t origin = out_x * params->stride_w - params->padding_w;
    const mg_range columns = mg_clip_taps(origin, params->dilation_w, params->kernel_w, params->input_w);
    const int32_t first = columns.end > columns.begin ? origin + columns.begin * params->dilation_w : 0;
    const mg_depthwise_window_s16 at = {rows, taps, columns, first * params->input_c,
                                        params->dilation_w * params->input_c};
    return at;
}

/* One output, of any channel multiplier and any number of taps. */
static inline void mg_depthwise_one_s16(const mg_depthwise_row_s16_params *params, const mg_depthwise_window_s16 *at,
                                        int32_t channel, int16_t *output)
{
    const int32_t channels = params->input_c * params->ch_mult;
    int64_t sum = 0;
    for (int32_t ky = at->taps.begin; ky < at->taps.end; ky++)
    {
        const int16_t *x = at->rows[ky] + at->first + channel / params->ch_mult;
        const int8_t *w = params->filter + (ky * params->kernel_w + at->columns.begin) * channels + channel;
        for (int32_t kx = at->columns.begin; kx < at->columns.end; kx++)
        {
            sum += *x * *w;
            x += at->step;
            w += channels;
        }
    }
    if (params->bias != NULL)
    {
        sum += params->bias[channel];
    }
    const int32_t value = mg_requantize_s64(sum, params->multiplier[channel], params->shift[channel]);
    output[channel] = mg_to_activation_s16(value, &params->activation);
}

#endif
