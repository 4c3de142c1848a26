/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/*
 * Where in each row of `length` elements, which lie `inner` apart, the largest (or smallest) one is: the first of
 * equal ones or, with `last`, the last. Results are int32 or, with `wide`, int64.
 */
void mg_arg_extreme_f32(const float *input, void *output, int32_t outer, int32_t length, int32_t inner,
                       int32_t largest, int32_t last, int32_t wide)
{
    int32_t place = 0;
    for (int32_t i = 0; i < outer; i++)
    {
        for (int32_t k = 0; k < inner; k++)
        {
            const float *from = input + i * length * inner + k;
            float best = from[0];
            int32_t found = 0;
            for (int32_t j = 1; j < length; j++)
            {
                const float x = from[j * inner];
                /* NaN beats every number, and no number beats NaN. */
                const bool more = (largest != 0 ? x > best : x < best) || (x != x && best == best);
                const bool same = x == best || (x != x && best != best);
                if (more || (same && last != 0))
                {
                    best = x;
                    found = j;
                }
            }
            if (wide != 0)
            {
                ((int64_t *)output)[place] = found;
            }
            else
            {
                ((int32_t *)output)[place] = found;
            }
            place++;
        }
    }
}
