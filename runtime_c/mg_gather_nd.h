/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_GATHER_ND_H
#define MG_GATHER_ND_H

#include <stdint.h>

/*
 * `count` tuples of `depth` indices, int64 with `wide`, for each of `batches`; the indexed dimensions have these
 * `lengths`, `positions` together, each of `bytes`.
 */
typedef struct
{
    int32_t lengths[6];
    int32_t depth;
    int32_t wide;
    int32_t batches;
    int32_t count;
    int32_t positions;
    int32_t bytes;
} mg_gather_nd_params;

#endif
