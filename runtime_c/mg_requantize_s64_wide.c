/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_requantize_s64.h"

/* mg_requantize_s64 of any value and shift: apart, because hardly any needs more than 32 bits. */
int32_t mg_requantize_s64_wide(int64_t value, int32_t multiplier, int32_t shift)
{
    const int32_t drop = 15 - shift;
    return (int32_t)((value * mg_reduced_multiplier(multiplier) + ((int64_t)1 << (drop - 1))) >> drop);
}
