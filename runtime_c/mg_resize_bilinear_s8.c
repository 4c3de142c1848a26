/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_resize.h"

#define ONE 1024

/* A sum of products with weights that add up to 2^20, rounded, halves away from zero. */
static int8_t rounded(int32_t sum)
{
    const int32_t half = (int32_t)1 << 19;
    return (int8_t)(sum > 0 ? (sum + half) >> 20 : -((half - sum) >> 20));
}

/* An image of another size, each pixel interpolated between four. */
void mg_resize_bilinear_s8(const mg_resize_bilinear_s8_params *params, const int8_t *input, int8_t *restrict output)
{
    const int32_t channels = params->channels;
    const int32_t input_row = params->width * channels;
    for (int32_t batch = 0; batch < params->batch; batch++)
    {
        for (int32_t y = 0; y < params->output_height; y++)
        {
            const int8_t *top = input + params->top[y] * input_row;
            const int8_t *bottom = input + params->bottom[y] * input_row;
            const int32_t down = params->down[y];
            for (int32_t x = 0; x < params->output_width; x++)
            {
                const int32_t left = params->left[x] * channels;
                const int32_t right = params->right[x] * channels;
                const int32_t across = params->across[x];
                const int32_t top_left = (ONE - down) * (ONE - across);
                const int32_t top_right = (ONE - down) * across;
                const int32_t bottom_left = down * (ONE - across);
                const int32_t bottom_right = down * across;
                for (int32_t c = 0; c < channels; c++)
                {
                    *output++ = rounded(top[left + c] * top_left + top[right + c] * top_right +
                                        bottom[left + c] * bottom_left + bottom[right + c] * bottom_right);
                }
            }
        }
        input += params->height * input_row;
    }
}
