/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_float.h"
#include "mg_resize.h"

/* An image of another size, each pixel interpolated between four. */
void mg_resize_bilinear_f32(const mg_resize_bilinear_f32_params *params, const float *input, float *restrict output)
{
    const int32_t channels = params->channels;
    const int32_t input_row = params->width * channels;
    for (int32_t batch = 0; batch < params->batch; batch++)
    {
        for (int32_t y = 0; y < params->output_height; y++)
        {
            const float *top = input + params->top[y] * input_row;
            const float *bottom = input + params->bottom[y] * input_row;
            const float down = params->down[y];
            for (int32_t x = 0; x < params->output_width; x++)
            {
                const int32_t left = params->left[x] * channels;
                const int32_t right = params->right[x] * channels;
                const float across = params->across[x];
                for (int32_t c = 0; c < channels; c++)
                {
                    const float on_left = mg_multiply_add(bottom[left + c], down, top[left + c] * (1.0f - down));
                    const float on_right = mg_multiply_add(bottom[right + c], down, top[right + c] * (1.0f - down));
                    *output++ = mg_multiply_add(on_right, across, on_left * (1.0f - across));
                }
            }
        }
        input += params->height * input_row;
    }
}
