/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"
#include "mg_div_s8.h"

/* One rounding, halves away from zero. 64 bits hold the dividend's 8 + 31 and the divisor's 8 + 41. */
static int8_t quotient(const mg_div_s8_quant *quant, int8_t a, int8_t b)
{
    const int32_t dividend = a + quant->input_1_offset;
    const int32_t divisor = b + quant->input_2_offset;
    const uint64_t above =
        (uint64_t)(dividend < 0 ? -dividend : dividend) * (uint32_t)quant->output_multiplier;
    const uint64_t below = (uint64_t)(divisor < 0 ? -divisor : divisor) << quant->output_shift;
    int64_t size = dividend == 0 ? 0 : 255;
    if (divisor != 0)
    {
        const uint64_t steps = (2u * above + below) / (2u * below);
        size = steps < 1024u ? (int64_t)steps : 1024;
    }
    if ((dividend < 0) != (divisor < 0))
    {
        size = -size;
    }
    return (int8_t)mg_clamp((int32_t)size + quant->output_offset, quant->activation.min, quant->activation.max);
}

/* Division with broadcasting. The output may be an input of its own strides. */
void mg_div_s8(const mg_div_s8_params *params, const int8_t *input_1, const int8_t *input_2, int8_t *output)
{
    MG_BROADCAST(params, int8_t, input_1, input_2, output, quotient(&params->quant, a, b));
}
