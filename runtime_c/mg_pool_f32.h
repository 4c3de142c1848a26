/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_POOL_F32_H
#define MG_POOL_F32_H

#include "mg_nn_types.h"

/* Pooling: padding is above and to the left and takes no part; results are clamped to low..high. */
typedef struct
{
    cmsis_nn_dims input;
    cmsis_nn_dims output;
    cmsis_nn_tile window;
    cmsis_nn_tile stride;
    cmsis_nn_tile padding;
    float low;
    float high;
} mg_pool_f32_params;

#endif
