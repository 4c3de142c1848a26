/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* Adds (x + offset) * factor to sums or, for the `first` tensor, to `start`. */
void mg_accumulate_s8(const int8_t *input, int32_t *restrict sums, int32_t size, int32_t offset, int32_t factor,
                      int32_t first, int32_t start)
{
    for (int32_t i = 0; i < size; i++)
    {
        sums[i] = (first != 0 ? start : sums[i]) + (input[i] + offset) * factor;
    }
}
