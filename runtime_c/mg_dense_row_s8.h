/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_DENSE_ROW_S8_H
#define MG_DENSE_ROW_S8_H

#include "mg_nn_types.h"

/*
 * A product of vectors with a matrix, [output_c][input_c], whose zero point is -filter_offset. bias may be
 * NULL. Output channel i is requantized by multiplier[i * quant_step] and shift[i * quant_step].
 */
typedef struct
{
    int32_t input_c;
    int32_t output_c;
    int32_t input_offset;
    int32_t filter_offset;
    int32_t output_offset;
    int32_t quant_step;
    cmsis_nn_activation activation;
    const int8_t *filter;
    const int32_t *bias;
    const int32_t *multiplier;
    const int32_t *shift;
} mg_dense_row_s8_params;

#endif
