/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>

#include "mg_broadcast.h"

/* As NumPy's mod: the remainder's sign is the divisor's, also that of a zero. */
static float floor_mod(float a, float b)
{
    const float remainder = fmodf(a, b);
    if (remainder == 0.0f)
    {
        return copysignf(0.0f, b);
    }
    return (remainder < 0.0f) != (b < 0.0f) ? remainder + b : remainder;
}

/* The remainder with the sign of b. The output may be an input of its own strides. */
void mg_floor_mod_f32(const mg_broadcast *loops, const float *input_1, const float *input_2, float *output)
{
    MG_BROADCAST(loops, float, input_1, input_2, output, floor_mod(a, b));
}
