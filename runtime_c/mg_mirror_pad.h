/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_MIRROR_PAD_H
#define MG_MIRROR_PAD_H

#include <stdint.h>

/*
 * Sizes of the input, in pieces of `bytes` bytes, and of the border before and after it, outermost dimension first.
 * The border mirrors what lies beside the edge (mode 0), with the edge (1), repeats the edge (2) or goes on at the
 * other end (3).
 */
typedef struct
{
    int32_t dims[6];
    int32_t before[6];
    int32_t after[6];
    int32_t mode;
    int32_t bytes;
} mg_mirror_pad_params;

#endif
