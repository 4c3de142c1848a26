/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_DENSE_F32_H
#define MG_DENSE_F32_H

#include <stdint.h>

/* A dense layer: rows of depth values to rows of units values, clamped to low..high. */
typedef struct
{
    int32_t rows;
    int32_t depth;
    int32_t units;
    float low;
    float high;
} mg_dense_f32_params;

#endif
