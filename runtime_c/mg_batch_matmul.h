/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_BATCH_MATMUL_H
#define MG_BATCH_MATMUL_H

#include <stdint.h>

/*
 * Products of matrices a [rows][depth] and b [depth][columns], one for each index of the leading dimensions, whose
 * strides are 0 where an operand has one matrix for all. All strides are in elements; b_depth is the one from a row
 * of b to the next.
 */
typedef struct
{
    int32_t batch[4];
    int32_t a_batch_strides[4];
    int32_t b_batch_strides[4];
    int32_t rows;
    int32_t depth;
    int32_t columns;
    int32_t a_row;
    int32_t a_depth;
    int32_t b_depth;
    int32_t b_column;
} mg_batch_matmul_params;

/* input_offset and filter_offset are minus the zero points of a and b. */
typedef struct
{
    mg_batch_matmul_params loops;
    int32_t input_offset;
    int32_t filter_offset;
    int32_t output_offset;
    int32_t multiplier;
    int32_t shift;
} mg_batch_matmul_s8_params;

#define MG_BATCH_MATMUL_RANK 4

#endif
