/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over two operands that broadcast. */
#ifndef MG_BROADCAST_H
#define MG_BROADCAST_H

#include "mg_support.h"

/* Strides in elements, 0 along a dimension that is broadcast; the output is contiguous. */
typedef struct
{
    int32_t dims[6];
    int32_t input_1_strides[6];
    int32_t input_2_strides[6];
} mg_broadcast;

/* The loops of a float kernel whose results are clamped to low..high. */
typedef struct
{
    float low;
    float high;
    int32_t dims[6];
    int32_t input_1_strides[6];
    int32_t input_2_strides[6];
} mg_arithmetic_f32_params;

/*
 * Writes `result`, an expression of the operands' elements a and b, for every element of the output. `loops` points
 * to a struct with the members of mg_broadcast. Both elements are read before the output's is written, so that the
 * output may be an operand of its own strides and element size.
 */
#define MG_BROADCAST(loops, element, input_1, input_2, output, result)                                  \
    do                                                                                                   \
    {                                                                                                    \
        const int32_t last_ = MG_MAX_RANK - 1;                                                           \
        const int32_t step_1_ = (loops)->input_1_strides[last_];                                         \
        const int32_t step_2_ = (loops)->input_2_strides[last_];                                         \
        int32_t index_[MG_MAX_RANK] = {0};                                                               \
        do                                                                                               \
        {                                                                                                \
            const element *row_1_ = (input_1) + mg_index_offset(index_, (loops)->input_1_strides, last_); \
            const element *row_2_ = (input_2) + mg_index_offset(index_, (loops)->input_2_strides, last_); \
            for (int32_t i_ = 0; i_ < (loops)->dims[last_]; i_++)                                        \
            {                                                                                            \
                const element a = row_1_[i_ * step_1_];                                                  \
                const element b = row_2_[i_ * step_2_];                                                  \
                *(output)++ = (result);                                                                  \
            }                                                                                            \
        } while (mg_next_index(index_, (loops)->dims, last_));                                           \
    } while (0)

#endif
