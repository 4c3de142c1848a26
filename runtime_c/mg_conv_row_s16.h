/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_CONV_ROW_S16_H
#define MG_CONV_ROW_S16_H

#include "mg_matrix_s16.h"

/*
 * A convolution of int16 images but for its rows. The filter is [output_c][kernel_h][kernel_w][kernel_c]; kernel_c
 * less than input_c makes input_c / kernel_c groups. matrix has what one group shares with the others: its weights,
 * bias, multipliers and shifts are the first group's. patch is room for what the outputs that are computed together
 * read, as mg_scratch.h says.
 */
typedef struct
{
    int32_t input_w;
    int32_t input_c;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t kernel_c;
    int32_t output_w;
    int32_t output_c;
    int32_t stride_w;
    int32_t padding_w;
    int32_t dilation_w;
    mg_matrix_s16_params matrix;
    int16_t *patch;
} mg_conv_row_s16_params;

#endif
