/* SPDX-License-Identifier: Apache-2.0 */
/* From the sums of a matrix of weights times int16 vectors to outputs. */
#ifndef MG_FINISH_S16_H
#define MG_FINISH_S16_H

#include "mg_matrix_s16.h"
#include "mg_requantize_s64.h"

/* The output of a unit whose products sum up to `sum`. */
static inline int16_t mg_finish_s16(const mg_matrix_s16_params *params, int32_t unit, int64_t sum)
{
    const int32_t multiplier = params->multiplier[unit * params->quant_step];
    const int32_t shift = params->shift[unit * params->quant_step];
    int32_t value;
    if (params->narrow != 0)
    {
        const int32_t *bias = params->bias;
        const int32_t wrapped = (int32_t)(uint32_t)(uint64_t)sum;
        value = mg_requantize(bias != NULL ? mg_wrap_add(wrapped, bias[unit]) : wrapped, multiplier, shift);
    }
    else
    {
        const int64_t *bias = params->bias;
        value = mg_requantize_s64(bias != NULL ? sum + bias[unit] : sum, multiplier, shift);
    }
    return mg_to_activation_s16(value, &params->activation);
}

#endif
