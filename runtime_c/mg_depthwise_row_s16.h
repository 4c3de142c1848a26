/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_DEPTHWISE_ROW_S16_H
#define MG_DEPTHWISE_ROW_S16_H

#include "mg_nn_types.h"

/*
 * A depthwise convolution of int16 images but for its rows. The filter is [kernel_h][kernel_w][output_c]; output
 * channel i * ch_mult + j reads input channel i; output_c is input_c * ch_mult. bias may be NULL.
 */
typedef struct
{
    int32_t input_w;
    int32_t input_c;
    int32_t ch_mult;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t output_w;
    int32_t stride_w;
    int32_t padding_w;
    int32_t dilation_w;
    cmsis_nn_activation activation;
    const int8_t *filter;
    const int64_t *bias;
    const int32_t *multiplier;
    const int32_t *shift;
} mg_depthwise_row_s16_params;

#endif
