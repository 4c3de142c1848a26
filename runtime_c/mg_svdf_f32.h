/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_SVDF_F32_H
#define MG_SVDF_F32_H

#include <stdint.h>

/* SVDF: `rank` features to each of `units` outputs, of which the state holds the last `steps` values. */
typedef struct
{
    int32_t batches;
    int32_t depth; /* of the input */
    int32_t rank;
    int32_t units;
    int32_t steps;
    float low;
    float high;
} mg_svdf_f32_params;

#endif
