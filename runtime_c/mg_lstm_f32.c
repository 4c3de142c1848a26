/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"
#include "mg_lstm.h"

static float dot(float sum, const float *x, const float *w, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
    {
        sum += x[i] * w[i];
    }
    return sum;
}

static float logistic(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/*
 * An LSTM over sequences of float vectors. hidden and cells are its state. weights and biases are those of the four
 * gates. scratch holds the gates, float [4][units].
 */
void mg_lstm_f32(const mg_lstm_f32_params *params, const float *input, const float *input_weights,
                 const float *forget_weights, const float *cell_weights, const float *output_weights,
                 const float *input_recurrent, const float *forget_recurrent, const float *cell_recurrent,
                 const float *output_recurrent, const float *input_bias, const float *forget_bias,
                 const float *cell_bias, const float *output_bias, float *hidden, float *cells, float *output,
                 void *scratch)
{
    const float *const weights[] = {input_weights, forget_weights, cell_weights, output_weights};
    const float *const recurrent[] = {input_recurrent, forget_recurrent, cell_recurrent, output_recurrent};
    const float *const biases[] = {input_bias, forget_bias, cell_bias, output_bias};
    const mg_lstm_sizes *sizes = &params->sizes;
    const int32_t depth = sizes->depth;
    const int32_t units = sizes->units;
    float *gates = scratch;
    for (int32_t batch = 0; batch < sizes->batches; batch++)
    {
        for (int32_t step = 0; step < sizes->steps; step++)
        {
            const float *x = input + batch * sizes->input_batch + step * sizes->input_step;
            float *y = output + batch * sizes->output_batch + step * sizes->output_step;
            for (int32_t gate = 0; gate < MG_LSTM_GATES; gate++)
            {
                for (int32_t i = 0; i < units; i++)
                {
                    const float sum = dot(biases[gate][i], x, weights[gate] + i * depth, depth);
                    gates[gate * units + i] = dot(sum, hidden, recurrent[gate] + i * units, units);
                }
            }
            for (int32_t i = 0; i < units; i++)
            {
                const float fresh = logistic(gates[i]) * tanhf(gates[2 * units + i]);
                float cell = logistic(gates[units + i]) * cells[i] + fresh;
                if (params->cell_clip > 0.0f)
                {
                    cell = mg_clamp_f32(cell, -params->cell_clip, params->cell_clip);
                }
                cells[i] = cell;
                hidden[i] = logistic(gates[3 * units + i]) * tanhf(cell);
                y[i] = hidden[i];
            }
        }
        hidden += units;
        cells += units;
    }
}
