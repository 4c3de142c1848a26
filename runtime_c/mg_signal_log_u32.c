/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* log(2) in 1/65536. */
#define LOG_OF_2 45426u

/* `scale` times the natural logarithm of `number`, which is at least 1. */
static uint32_t mg_log(uint32_t number, const int16_t *excess, uint32_t scale)
{
    uint32_t exponent = 31;
    while (number >> exponent == 0)
    {
        exponent--;
    }
    const uint32_t rest = number - ((uint32_t)1 << exponent);
    const uint32_t fraction = exponent < 16 ? rest << (16 - exponent) : rest >> (exponent - 16);
    const uint32_t segment = fraction >> 9;
    const int32_t here = excess[segment];
    const int32_t rise = (excess[segment + 1] - here) * (int32_t)(fraction & 511u);
    const uint32_t log2 = (exponent << 16) + fraction + (uint32_t)(here + (rise >> 16));
    const uint32_t natural = (uint32_t)(((uint64_t)LOG_OF_2 * log2 + 32768u) >> 16);
    return (scale * natural + 32768u) >> 16;
}

/*
 * `scale` times the natural logarithms of `length` numbers that are shifted left before; 0 for 0 and 1. `excess` is
 * log2(1 + x) - x in 1/65536 at 129 places from 0 to 1.
 */
void mg_signal_log_u32(const uint32_t *input, const int16_t *excess, int16_t *output, int32_t length, int32_t scale,
                       int32_t correction_bits)
{
    for (int32_t i = 0; i < length; i++)
    {
        const uint32_t number = input[i] << correction_bits;
        const uint32_t found = number > 1 ? mg_log(number, excess, (uint32_t)scale) : 0u;
        output[i] = (int16_t)(found < INT16_MAX ? found : INT16_MAX);
    }
}
