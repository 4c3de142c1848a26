/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_SELECT_H
#define MG_SELECT_H

#include <stdint.h>

/*
 * Loops over the output, outermost first, unused ones of size 1; strides in elements of `size` bytes, 0 where an
 * operand is repeated.
 */
typedef struct
{
    int32_t dims[6];
    int32_t condition_strides[6];
    int32_t input_1_strides[6];
    int32_t input_2_strides[6];
    int32_t size;
} mg_select_params;

#endif
