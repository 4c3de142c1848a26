/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_MATRIX_S16_H
#define MG_MATRIX_S16_H

#include "mg_nn_types.h"

/*
 * A matrix of weights [units][depth] that int16 vectors are multiplied with; outputs of one vector and the next lie
 * output_step elements apart. quant_step is 1 where every unit has a multiplier and a shift, 0 where there is one.
 * bias may be NULL; narrow tells that it is int32_t, and that sums are as wide and scaled as those of int8 layers,
 * else it is int64_t.
 */
typedef struct
{
    int32_t depth;
    int32_t units;
    int32_t output_step;
    int32_t quant_step;
    int32_t narrow;
    cmsis_nn_activation activation;
    const int8_t *weights;
    const void *bias;
    const int32_t *multiplier;
    const int32_t *shift;
} mg_matrix_s16_params;

#endif
