/* SPDX-License-Identifier: Apache-2.0 */
/* How far frames of samples can be shifted left. */
#ifndef MG_SIGNAL_SCALE_H
#define MG_SIGNAL_SCALE_H

#include "mg_support.h"

/*
 * The largest magnitude of `length` samples as 16 bits hold it: -32768 has none there, and what follows it is
 * compared with -32768.
 */
static inline int32_t mg_largest(const int16_t *input, int32_t length)
{
    int32_t largest = 0;
    for (int32_t j = 0; j < length; j++)
    {
        const int32_t value = input[j];
        if (value > largest)
        {
            largest = value;
        }
        else if (-value > largest)
        {
            largest = value == INT16_MIN ? INT16_MIN : -value;
        }
    }
    return largest;
}

/* By how many bits a number can be shifted left until bit `top` is its highest; 0 for one that is not positive. */
static inline int32_t mg_headroom(int32_t largest, int32_t top)
{
    int32_t count = 0;
    while (largest > 0 && (largest >> (top - count)) == 0)
    {
        count++;
    }
    return count;
}

#endif
