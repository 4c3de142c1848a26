/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_CONV_ROW_S8_H
#define MG_CONV_ROW_S8_H

#include "mg_nn_types.h"

/*
 * A convolution but for its rows. The filter is [output_c][kernel_h][kernel_w][kernel_c]; kernel_c less than
 * input_c makes input_c / kernel_c groups. bias may be NULL. scratch is room for what a flavour keeps of the
 * input, aligned for int32_t, as mg_scratch.h says.
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
    int32_t input_offset;
    int32_t output_offset;
    cmsis_nn_activation activation;
    const int8_t *filter;
    const int32_t *bias;
    const int32_t *multiplier;
    const int32_t *shift;
    void *scratch;
} mg_conv_row_s8_params;

#endif
