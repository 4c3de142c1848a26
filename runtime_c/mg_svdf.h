/* SPDX-License-Identifier: Apache-2.0 */
/* What the SVDF layers share, whatever the type of their state. */
#ifndef MG_SVDF_H
#define MG_SVDF_H

#include "microgen_nn.h"
#include "mg_support.h"

/* Are the sizes of a layer of `features` rows, `rank` of them to an output, possible? */
static inline bool mg_svdf_dims_are_right(const cmsis_nn_svdf_params *params, const cmsis_nn_dims *input,
                                          const cmsis_nn_dims *feature_weights,
                                          const cmsis_nn_dims *time_weights)
{
    return params->rank >= 1 && input->n >= 1 && input->h >= 1 && time_weights->h >= 1 &&
           feature_weights->n >= params->rank && feature_weights->n % params->rank == 0;
}

/* What enters the states of some features, computed together: those up to `end`, of which `next` is the next. */
typedef struct
{
    int32_t values[4];
    int32_t next;
    int32_t end;
} mg_svdf_ahead;

/* Computes `count` features, 4 at most: rows of feature weights times the input, scaled and clamped. */
static inline void mg_svdf_look_ahead(mg_svdf_ahead *ahead, const cmsis_nn_svdf_params *params,
                                      const cmsis_nn_per_tensor_quant_params *quant, const int8_t *input,
                                      const int8_t *weights, int32_t size, int32_t count)
{
    for (int32_t i = 0; i < 4; i++)
    {
        ahead->values[i] = 0;
    }
    mg_dots_s8(ahead->values, input, -params->input_offset, weights, size, count, size);
    for (int32_t i = 0; i < count; i++)
    {
        const int32_t value = mg_requantize_any(ahead->values[i], quant->multiplier, quant->shift);
        ahead->values[i] = mg_clamp(value, params->input_activation.min, params->input_activation.max);
    }
    ahead->next = 0;
    ahead->end = count;
}

/* The output of a sum over time and rank. */
static inline int8_t mg_svdf_output(const cmsis_nn_svdf_params *params,
                                    const cmsis_nn_per_tensor_quant_params *quant, int32_t sum)
{
    return mg_requantize_s8(sum, quant->multiplier, quant->shift, params->output_offset,
                            &params->output_activation);
}

#endif
