/* SPDX-License-Identifier: Apache-2.0 */
/* What the dense layers of packed weights with one scale and with one for each output share. */
#ifndef MG_FULLY_CONNECTED_S4_H
#define MG_FULLY_CONNECTED_S4_H

#include "mg_weights_s4.h"

/* `quant_step` is 1 for multipliers and shifts of each output, 0 for one of all. */
static inline arm_cmsis_nn_status mg_fully_connected_s4(const cmsis_nn_fc_params *params, const int32_t *multiplier,
                                                        const int32_t *shift, int32_t quant_step,
                                                        const cmsis_nn_dims *input_dims, const int8_t *input,
                                                        const cmsis_nn_dims *filter_dims, const int8_t *packed,
                                                        const int32_t *bias, const cmsis_nn_dims *output_dims,
                                                        int8_t *output)
{
    const int32_t depth = filter_dims->n;
    if (input_dims->n < 1 || depth < 1 || output_dims->c < 1 ||
        (int64_t)input_dims->h * input_dims->w * input_dims->c != depth)
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    for (int32_t row = 0; row < input_dims->n; row++)
    {
        for (int32_t unit = 0; unit < output_dims->c; unit++)
        {
            int32_t sum = bias == NULL ? 0 : bias[unit];
            int32_t i = 0;
            if ((unit * depth & 1) != 0)
            {
                sum = mg_wrap_add(sum, (input[0] + params->input_offset) *
                                           (mg_weight_s4(packed, unit * depth) + params->filter_offset));
                i = 1;
            }
            const int8_t *bytes = packed + ((unit * depth + i) >> 1);
            for (; i + 1 < depth; i += 2)
            {
                const int32_t byte = *bytes++;
                const int32_t first = mg_low_s4(byte) + params->filter_offset;
                const int32_t second = mg_high_s4(byte) + params->filter_offset;
                sum = mg_wrap_add(sum, (input[i] + params->input_offset) * first);
                sum = mg_wrap_add(sum, (input[i + 1] + params->input_offset) * second);
            }
            if (i < depth)
            {
                const int32_t last = mg_low_s4(*bytes) + params->filter_offset;
                sum = mg_wrap_add(sum, (input[i] + params->input_offset) * last);
            }
            *output++ = mg_requantize_s8(sum, multiplier[unit * quant_step], shift[unit * quant_step],
                                         params->output_offset, &params->activation);
        }
        input += depth;
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
