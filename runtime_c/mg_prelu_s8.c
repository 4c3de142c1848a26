/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_broadcast.h"
#include "mg_prelu_s8.h"

static int8_t prelu(const mg_prelu_s8_quant *quant, int8_t a, int8_t b)
{
    const int32_t x = a + quant->input_offset;
    const int32_t scaled =
        x >= 0 ? mg_requantize(x, quant->positive_multiplier, quant->positive_shift)
               : mg_requantize(x * (b + quant->slope_offset), quant->negative_multiplier, quant->negative_shift);
    const int32_t value = mg_wrap_add(scaled, quant->output_offset);
    return (int8_t)mg_clamp(value, quant->activation.min, quant->activation.max);
}

/* x where x >= 0, slope * x elsewhere; the slopes broadcast. The output may be an input of its own strides. */
void mg_prelu_s8(const mg_prelu_s8_params *params, const int8_t *input, const int8_t *slopes, int8_t *output)
{
    MG_BROADCAST(params, int8_t, input, slopes, output, prelu(&params->quant, a, b));
}
