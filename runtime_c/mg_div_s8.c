/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"
#include "mg_div_s8.h"
#include "mg_fixed_point.h"

/*
 * The dividend, as large as 31 bits hold, times the reciprocal of the divisor, which is brought to 1 to 2 for that. What
 * would have to be shifted by more than 31 bits is 0.
 */
static int8_t quotient(const mg_div_s8_quant *quant, int8_t a, int8_t b)
{
    int32_t dividend = a + quant->input_1_offset;
    int32_t divisor = b + quant->input_2_offset;
    int32_t value = dividend < 0 ? -255 : 255;
    if (divisor < 0)
    {
        dividend = -dividend;
        divisor = -divisor;
    }
    if (dividend == 0)
    {
        value = 0;
    }
    else if (divisor != 0)
    {
        const int32_t zeros = mg_count_leading_zeros((uint32_t)divisor);
        const int32_t inverse = mg_one_over_one_plus((int32_t)(((uint32_t)divisor << zeros) - 0x80000000u));
        const uint32_t size = dividend < 0 ? 2u * (uint32_t)-dividend - 1u : (uint32_t)dividend;
        const int32_t room = mg_count_leading_zeros(size) - 1;
        const int32_t unscaled = mg_doubling_high_mul(dividend * ((int32_t)1 << room), inverse);
        const int32_t drop = 31 - zeros + room - quant->output_shift;
        const int32_t scaled = mg_doubling_high_mul(unscaled, quant->output_multiplier);
        value = drop > 31 ? 0 : mg_clamp(mg_rounding_divide_by_pot(scaled, drop), -1024, 1024);
    }
    return (int8_t)mg_clamp(value + quant->output_offset, quant->activation.min, quant->activation.max);
}

/* Division with broadcasting. The output may be an input of its own strides. */
void mg_div_s8(const mg_div_s8_params *params, const int8_t *input_1, const int8_t *input_2, int8_t *output)
{
    MG_BROADCAST(params, int8_t, input_1, input_2, output, quotient(&params->quant, a, b));
}
