/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_resize.h"

/* An image of another size from copies of pixels of any size. */
void mg_resize_nearest(const mg_resize_nearest_params *params, const void *input, void *restrict output)
{
    const uint8_t *image = input;
    uint8_t *result = output;
    const size_t pixel = (size_t)params->pixel;
    const size_t output_row = pixel * (size_t)params->output_width;
    for (int32_t batch = 0; batch < params->batch; batch++)
    {
        for (int32_t y = 0; y < params->output_height; y++)
        {
            if (y > 0 && params->rows[y] == params->rows[y - 1])
            {
                memcpy(result, result - output_row, output_row);
                result += output_row;
                continue;
            }
            const uint8_t *row = image + params->rows[y] * params->input_row;
            for (int32_t x = 0; x < params->output_width; x++)
            {
                memcpy(result, row + params->columns[x] * params->pixel, pixel);
                result += pixel;
            }
        }
        image += params->input_image;
    }
}
