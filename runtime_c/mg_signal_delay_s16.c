/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_support.h"

/* Each of `rows` streams goes on by `length` samples and comes out `delay` later; `kept` has the last `delay` of it. */
void mg_signal_delay_s16(const int16_t *input, int16_t *kept, int16_t *output, int32_t rows, int32_t length,
                         int32_t delay)
{
    const int32_t old = mg_min(delay, length);
    const size_t size = sizeof(*input);
    for (int32_t i = 0; i < rows; i++)
    {
        memcpy(output, kept, (size_t)old * size);
        memcpy(output + old, input, (size_t)(length - old) * size);
        memmove(kept, kept + old, (size_t)(delay - old) * size);
        memcpy(kept + (delay - old), input + (length - old), (size_t)old * size);
        input += length;
        output += length;
        kept += delay;
    }
}
