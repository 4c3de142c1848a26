/* SPDX-License-Identifier: Apache-2.0 */
/* From accumulators to int8 outputs, two at a time, so that the usual case is found with one test. */
#ifndef MG_FINISH_S8_H
#define MG_FINISH_S8_H

#include "mg_support.h"

/* What all outputs of a kernel share. */
typedef struct
{
    int32_t offset;
    int32_t low;
    int32_t high;
    bool is_whole_s8;
} mg_output_range;

static inline mg_output_range mg_output_range_of(int32_t output_offset, const cmsis_nn_activation *activation)
{
    const mg_output_range range = {output_offset, activation->min, activation->max, mg_is_whole_s8(activation)};
    return range;
}

/* Two outputs side by side, each with its own factor. */
static inline void mg_finish_2(const mg_output_range *range, int32_t multiplier0, int32_t shift0,
                                   int32_t multiplier1, int32_t shift1, int32_t sum0, int32_t sum1,
                                   int8_t *output)
{
    int32_t value0;
    int32_t value1;
    if (mg_are_usual_factors(multiplier0, shift0, multiplier1, shift1))
    {
        const int32_t term = mg_offset_term(range->offset);
        value0 = mg_saturate_s8(mg_requantize_usual(sum0, multiplier0, shift0, term));
        value1 = mg_saturate_s8(mg_requantize_usual(sum1, multiplier1, shift1, term));
    }
    else
    {
        value0 = mg_saturate_s8(mg_requantize_unusual(sum0, multiplier0, shift0, range->offset));
        value1 = mg_saturate_s8(mg_requantize_unusual(sum1, multiplier1, shift1, range->offset));
    }
    if (!range->is_whole_s8)
    {
        value0 = mg_clamp(value0, range->low, range->high);
        value1 = mg_clamp(value1, range->low, range->high);
    }
    output[0] = (int8_t)value0;
    output[1] = (int8_t)value1;
}

#endif
