/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_CONV_F32_H
#define MG_CONV_F32_H

#include "mg_nn_types.h"

/*
 * A convolution. The filter is n output channels by h by w by c input channels, c less than the input's making
 * groups; that of a depthwise one is 1 by h by w by c output channels. Padding is above and to the left.
 * Results are clamped to low..high.
 */
typedef struct
{
    cmsis_nn_dims input;
    cmsis_nn_dims filter;
    cmsis_nn_dims output;
    cmsis_nn_tile stride;
    cmsis_nn_tile padding;
    cmsis_nn_tile dilation;
    float low;
    float high;
} mg_conv_f32_params;

#endif
