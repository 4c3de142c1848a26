/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_TRANSPOSE_CONV_F32_H
#define MG_TRANSPOSE_CONV_F32_H

#include "mg_nn_types.h"

/*
 * A transposed convolution. The filter is n output channels by h by w by c input channels. Padding is what is cut
 * from the result above and to the left. Results are clamped to low..high.
 */
typedef struct
{
    cmsis_nn_dims input;
    cmsis_nn_dims filter;
    cmsis_nn_dims output;
    cmsis_nn_tile stride;
    cmsis_nn_tile padding;
    float low;
    float high;
} mg_transpose_conv_f32_params;

#endif
