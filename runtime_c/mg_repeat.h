/* SPDX-License-Identifier: Apache-2.0 */
/* Operands whose dimensions of size 1 are repeated (broadcast) to another shape. */
#ifndef MG_REPEAT_H
#define MG_REPEAT_H

#include "mg_nn_types.h"

/*
 * The distances between neighbours of `from` along n, h, w and c of `to`: 0 where they are repeated. False where
 * the shapes do not fit or are empty.
 */
static inline bool mg_repeating_strides(const cmsis_nn_dims *from, const cmsis_nn_dims *to, int32_t strides[4])
{
    const int32_t sizes[4] = {from->n, from->h, from->w, from->c};
    const int32_t wanted[4] = {to->n, to->h, to->w, to->c};
    int32_t step = 1;
    for (int32_t d = 3; d >= 0; d--)
    {
        if (sizes[d] < 1 || (sizes[d] != 1 && sizes[d] != wanted[d]))
        {
            return false;
        }
        strides[d] = sizes[d] == 1 ? 0 : step;
        step *= sizes[d];
    }
    return wanted[0] > 0 && wanted[1] > 0 && wanted[2] > 0 && wanted[3] > 0;
}

#endif
