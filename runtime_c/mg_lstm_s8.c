/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_curve_s16.h"
#include "mg_lstm.h"

static inline int32_t saturate(int32_t value)
{
    return mg_clamp(value, INT16_MIN, INT16_MAX);
}

/* values[i] = the dot product of x with row i, or what was there plus that; four rows at a time. */
static void products(const mg_lstm_vector *x, const int8_t *weights, const int32_t *bias, int32_t units, int16_t *values)
{
    int32_t count;
    for (int32_t unit = 0; unit < units; unit += count)
    {
        int32_t sums[4] = {0, 0, 0, 0};
        count = mg_min(units - unit, 4);
        for (int32_t i = 0; i < count && bias != NULL; i++)
        {
            sums[i] = bias[unit + i];
        }
        mg_dots_s8(sums, x->input, x->offset, weights + unit * x->depth, x->depth, count, x->depth);
        for (int32_t i = 0; i < count; i++)
        {
            const int32_t before = bias != NULL ? 0 : values[unit + i];
            const int32_t value = mg_requantize(sums[i], x->multiplier, x->shift);
            values[unit + i] = (int16_t)saturate(before + saturate(value));
        }
    }
}

/* One step of one sequence: the gates are known. */
static void update(const mg_lstm_s8_params *params, const uint16_t *table, const int16_t *gates, int8_t *hidden,
                   int16_t *cells, int8_t *output)
{
    const int32_t units = params->sizes.units;
    for (int32_t i = 0; i < units; i++)
    {
        const int32_t in = mg_logistic_curve(table, 3 * gates[i]);
        const int32_t forget = mg_logistic_curve(table, 3 * gates[units + i]);
        const int32_t fresh = mg_tanh_curve(table, 3 * gates[2 * units + i]);
        const int32_t out = mg_logistic_curve(table, 3 * gates[3 * units + i]);
        const int32_t kept = saturate(mg_requantize(forget * cells[i], params->keep_multiplier, params->keep_shift));
        const int32_t new = saturate(mg_requantize(in * fresh, params->enter_multiplier, params->enter_shift));
        int32_t cell = saturate(kept + new);
        if (params->cell_clip > 0)
        {
            cell = mg_clamp(cell, -params->cell_clip, params->cell_clip);
        }
        cells[i] = (int16_t)cell;
        const int32_t argument = mg_curve_argument(cell, params->tanh_multiplier, params->tanh_shift);
        const int32_t shown = out * mg_tanh_curve(table, argument);
        const int32_t value = mg_requantize(shown, params->leave_multiplier, params->leave_shift);
        hidden[i] = (int8_t)mg_saturate_s8(value + params->output_offset);
        output[i] = hidden[i];
    }
}

/*
 * An LSTM over sequences of int8 vectors; the cells are int16. hidden and cells are its state. weights and biases
 * are those of the four gates. scratch holds the gates, int16 [4][units].
 */
void mg_lstm_s8(const mg_lstm_s8_params *params, const int8_t *input, const int8_t *input_weights,
                const int8_t *forget_weights, const int8_t *cell_weights, const int8_t *output_weights,
                const int8_t *input_recurrent, const int8_t *forget_recurrent, const int8_t *cell_recurrent,
                const int8_t *output_recurrent, const int32_t *input_bias, const int32_t *forget_bias,
                const int32_t *cell_bias, const int32_t *output_bias, const uint16_t *table, int8_t *hidden,
                int16_t *cells, int8_t *output, void *scratch)
{
    const int8_t *const weights[] = {input_weights, forget_weights, cell_weights, output_weights};
    const int8_t *const recurrent[] = {input_recurrent, forget_recurrent, cell_recurrent, output_recurrent};
    const int32_t *const biases[] = {input_bias, forget_bias, cell_bias, output_bias};
    const mg_lstm_sizes *sizes = &params->sizes;
    int16_t *gates = scratch;
    for (int32_t batch = 0; batch < sizes->batches; batch++)
    {
        for (int32_t step = 0; step < sizes->steps; step++)
        {
            const int8_t *from = input + batch * sizes->input_batch + step * sizes->input_step;
            for (int32_t gate = 0; gate < MG_LSTM_GATES; gate++)
            {
                const mg_lstm_vector x = {from, sizes->depth, params->input_offset, params->input_multiplier[gate],
                                  params->input_shift[gate]};
                const mg_lstm_vector h = {hidden, sizes->units, params->hidden_offset, params->hidden_multiplier[gate],
                                  params->hidden_shift[gate]};
                int16_t *values = gates + gate * sizes->units;
                products(&x, weights[gate], biases[gate], sizes->units, values);
                products(&h, recurrent[gate], NULL, sizes->units, values);
            }
            update(params, table, gates, hidden, cells,
                   output + batch * sizes->output_batch + step * sizes->output_step);
        }
        hidden += sizes->units;
        cells += sizes->units;
    }
}
