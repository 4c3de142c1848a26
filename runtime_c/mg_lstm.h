/* SPDX-License-Identifier: Apache-2.0 */
/* What LSTM layers share. Gates stand in the order input, forget, cell, output. */
#ifndef MG_LSTM_H
#define MG_LSTM_H

#include <stdint.h>

#define MG_LSTM_GATES 4

/* Sequences of `steps` vectors of `depth` values to as many of `units`; strides in elements. */
typedef struct
{
    int32_t batches;
    int32_t steps;
    int32_t depth;
    int32_t units;
    int32_t input_step;
    int32_t input_batch;
    int32_t output_step;
    int32_t output_batch;
} mg_lstm_sizes;

typedef struct
{
    mg_lstm_sizes sizes;
    int32_t input_offset;
    int32_t hidden_offset;
    int32_t input_multiplier[4];
    int32_t input_shift[4];
    int32_t hidden_multiplier[4];
    int32_t hidden_shift[4];
    int32_t keep_multiplier; /* of the forget gate times the cells */
    int32_t keep_shift;
    int32_t enter_multiplier; /* of the input gate times the cell gate */
    int32_t enter_shift;
    int32_t leave_multiplier; /* of the output gate times tanh of the cells */
    int32_t leave_shift;
    int32_t output_offset;
    int32_t cell_clip;       /* 0: none */
    int32_t tanh_multiplier; /* of the cells */
    int32_t tanh_shift;
} mg_lstm_s8_params;

typedef struct
{
    mg_lstm_sizes sizes;
    float cell_clip; /* 0: none */
} mg_lstm_f32_params;

/* One of the two vectors that a gate is computed from, with the factor of its product. */
typedef struct
{
    const int8_t *input;
    int32_t depth;
    int32_t offset;
    int32_t multiplier;
    int32_t shift;
} mg_lstm_vector;

#endif
