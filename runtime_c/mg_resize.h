/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_RESIZE_H
#define MG_RESIZE_H

#include <stdint.h>

/* rows and columns tell which of the input's each of the output's copies. Sizes of the input are in bytes. */
typedef struct
{
    int32_t batch;
    int32_t input_image;
    int32_t input_row;
    int32_t pixel;
    int32_t output_height;
    int32_t output_width;
    const int16_t *rows;
    const int16_t *columns;
} mg_resize_nearest_params;

/*
 * The rows of the input above and below each of the output's, and the weight, in 1/1024, of the one below; likewise
 * the columns to the left and right.
 */
typedef struct
{
    int32_t batch;
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t output_height;
    int32_t output_width;
    const int16_t *top;
    const int16_t *bottom;
    const int16_t *down;
    const int16_t *left;
    const int16_t *right;
    const int16_t *across;
} mg_resize_bilinear_s8_params;

/* The same with weights from 0 to 1. */
typedef struct
{
    int32_t batch;
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t output_height;
    int32_t output_width;
    const int16_t *top;
    const int16_t *bottom;
    const float *down;
    const int16_t *left;
    const int16_t *right;
    const float *across;
} mg_resize_bilinear_f32_params;

#endif
