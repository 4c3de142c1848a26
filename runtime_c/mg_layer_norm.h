/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_LAYER_NORM_H
#define MG_LAYER_NORM_H

#include <stdint.h>

/* rows of size elements each are normalized. */
typedef struct
{
    int32_t rows;
    int32_t size;
    float epsilon;
} mg_layer_norm_f32_params;

/*
 * The same in int8. epsilon * 2^epsilon_shift is in units of the square of size times the input's scale, with
 * spread_bits fractional bits, an even number. gamma and beta are in units of the output's scale, with
 * output_shift - MG_LAYER_NORM_BITS and output_shift - beta_shift fractional bits; NULL stands for gamma_of_all and
 * for 0.
 */
typedef struct
{
    int32_t rows;
    int32_t size;
    int32_t spread_bits;
    int32_t epsilon;
    int32_t epsilon_shift;
    const int32_t *gamma;
    const int32_t *beta;
    int32_t gamma_of_all;
    int32_t beta_shift;
    int32_t output_shift;
    int32_t output_offset;
} mg_layer_norm_s8_params;

/* Fractional bits of normalized values. */
#define MG_LAYER_NORM_BITS 20

#endif
