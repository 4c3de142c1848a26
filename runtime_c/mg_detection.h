/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_DETECTION_H
#define MG_DETECTION_H

#include <stdint.h>

/*
 * Of `boxes` boxes, whose encodings are `width` numbers and whose scores are `columns` numbers, the last `classes` of
 * them for classes, up to `detections` are found; outputs have `room`. `most` are found at once: of a class if it is
 * `regular`, else of all.
 */
typedef struct
{
    int32_t boxes;
    int32_t width;
    int32_t classes;
    int32_t columns;
    int32_t detections;
    int32_t room;
    int32_t most;
    int32_t regular;
    float y_scale;
    float x_scale;
    float h_scale;
    float w_scale;
    float score;
    float overlap;
} mg_detection_params;

#endif
