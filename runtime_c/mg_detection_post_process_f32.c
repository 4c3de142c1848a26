/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <math.h>
#include <string.h>

#include "mg_detection.h"
#include "mg_support.h"

#define CORNERS 4

/* What is found so far, by falling scores. */
typedef struct
{
    float *boxes;
    float *classes;
    float *scores;
    int32_t count;
    int32_t most;
} detections;

/* The lowest and the highest corner (y, x each) of every box. */
static void decode(const mg_detection_params *params, const float *encodings, const float *anchors, float *corners)
{
    for (int32_t i = 0; i < params->boxes; i++)
    {
        const float y = encodings[0] / params->y_scale * anchors[2] + anchors[0];
        const float x = encodings[1] / params->x_scale * anchors[3] + anchors[1];
        const float half_h = 0.5f * expf(encodings[2] / params->h_scale) * anchors[2];
        const float half_w = 0.5f * expf(encodings[3] / params->w_scale) * anchors[3];
        corners[0] = y - half_h;
        corners[1] = x - half_w;
        corners[2] = y + half_h;
        corners[3] = x + half_w;
        encodings += params->width;
        anchors += CORNERS;
        corners += CORNERS;
    }
}

static float common_side(const float *a, const float *b, int32_t axis)
{
    const float low = a[axis] > b[axis] ? a[axis] : b[axis];
    const float high = a[axis + 2] < b[axis + 2] ? a[axis + 2] : b[axis + 2];
    return high > low ? high - low : 0.0f;
}

/* Intersection over union; 0 where one has no area. */
static float overlap(const float *a, const float *b)
{
    const float area_a = (a[2] - a[0]) * (a[3] - a[1]);
    const float area_b = (b[2] - b[0]) * (b[3] - b[1]);
    if (area_a <= 0.0f || area_b <= 0.0f)
    {
        return 0.0f;
    }
    const float common = common_side(a, b, 0) * common_side(a, b, 1);
    return common / (area_a + area_b - common);
}

/* The first one of the best boxes that wait; -1 for none. */
static int32_t best_waiting(const float *scores, int32_t stride, const uint8_t *waiting, int32_t boxes)
{
    int32_t best = -1;
    for (int32_t i = 0; i < boxes; i++)
    {
        if (waiting[i] != 0u && (best < 0 || scores[i * stride] > scores[best * stride]))
        {
            best = i;
        }
    }
    return best;
}

/* Puts a detection behind those of at least its score; drops the last one where there is no room. */
static void insert(detections *found, const float *box, int32_t kind, float score)
{
    int32_t at = found->count;
    while (at > 0 && found->scores[at - 1] < score)
    {
        at--;
    }
    if (at >= found->most)
    {
        return;
    }
    found->count = mg_min(found->count + 1, found->most);
    const size_t behind = (size_t)(found->count - 1 - at) * sizeof(float);
    memmove(found->boxes + CORNERS * (at + 1), found->boxes + CORNERS * at, CORNERS * behind);
    memmove(found->classes + at + 1, found->classes + at, behind);
    memmove(found->scores + at + 1, found->scores + at, behind);
    memcpy(found->boxes + CORNERS * at, box, CORNERS * sizeof(float));
    found->classes[at] = (float)kind;
    found->scores[at] = score;
}

static int32_t best_class(const float *scores, int32_t classes)
{
    int32_t best = 0;
    for (int32_t i = 1; i < classes; i++)
    {
        best = scores[i] > scores[best] ? i : best;
    }
    return best;
}

/* Boxes that do not overlap, by falling scores; `scores` are `stride` apart. Without a class, `kind` is -1 and
 * `all_scores` tells a box's best one. */
static void suppress(const mg_detection_params *params, const float *corners, const float *scores, int32_t stride,
                     const float *all_scores, int32_t kind, uint8_t *waiting, detections *found)
{
    for (int32_t i = 0; i < params->boxes; i++)
    {
        waiting[i] = scores[i * stride] >= params->score ? 1u : 0u;
    }
    for (int32_t i = 0; i < params->most; i++)
    {
        const int32_t best = best_waiting(scores, stride, waiting, params->boxes);
        if (best < 0)
        {
            return;
        }
        const float *box = corners + CORNERS * best;
        const int32_t own = kind >= 0 ? kind : best_class(all_scores + best * params->columns, params->classes);
        insert(found, box, own, scores[best * stride]);
        waiting[best] = 0u;
        for (int32_t j = 0; j < params->boxes; j++)
        {
            if (waiting[j] != 0u && overlap(box, corners + CORNERS * j) > params->overlap)
            {
                waiting[j] = 0u;
            }
        }
    }
}

/*
 * The boxes with the highest scores that do not overlap, their classes, their scores and how many there are, of a
 * detector's encodings. `scratch` has 21 bytes for each box, or 17 if it is regular.
 */
void mg_detection_post_process_f32(const mg_detection_params *params, const float *encodings, const float *scores,
                                   const float *anchors, float *boxes, float *classes, float *found_scores,
                                   float *count, void *scratch)
{
    float *corners = scratch;
    float *tops = corners + CORNERS * params->boxes;
    detections found = {boxes, classes, found_scores, 0, params->detections};
    const float *of_classes = scores + (params->columns - params->classes);
    memset(boxes, 0, (size_t)params->room * CORNERS * sizeof(float));
    memset(classes, 0, (size_t)params->room * sizeof(float));
    memset(found_scores, 0, (size_t)params->room * sizeof(float));
    decode(params, encodings, anchors, corners);
    if (params->regular != 0)
    {
        uint8_t *waiting = (uint8_t *)tops;
        for (int32_t i = 0; i < params->classes; i++)
        {
            suppress(params, corners, of_classes + i, params->columns, of_classes, i, waiting, &found);
        }
    }
    else
    {
        for (int32_t i = 0; i < params->boxes; i++)
        {
            const float *own = of_classes + i * params->columns;
            tops[i] = own[best_class(own, params->classes)];
        }
        uint8_t *waiting = (uint8_t *)(tops + params->boxes);
        suppress(params, corners, tops, 1, of_classes, -1, waiting, &found);
    }
    count[0] = (float)found.count;
}
