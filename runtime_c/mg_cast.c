/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* The numbers of element types. */
#define CAST_F32 0
#define CAST_S8 1
#define CAST_U8 2
#define CAST_S16 3
#define CAST_S32 4
#define CAST_S64 5
#define CAST_U32 7

/* An element that is no float. */
static int64_t load(const void *input, int32_t i, int32_t type)
{
    switch (type)
    {
    case CAST_S8:
        return ((const int8_t *)input)[i];
    case CAST_S16:
        return ((const int16_t *)input)[i];
    case CAST_S32:
        return ((const int32_t *)input)[i];
    case CAST_S64:
        return ((const int64_t *)input)[i];
    case CAST_U8:
        return ((const uint8_t *)input)[i];
    case CAST_U32:
        return ((const uint32_t *)input)[i];
    default:
        return ((const uint8_t *)input)[i] != 0u ? 1 : 0;
    }
}

static void store(void *output, int32_t i, int32_t type, int64_t value)
{
    switch (type)
    {
    case CAST_S8:
        ((int8_t *)output)[i] = (int8_t)value;
        break;
    case CAST_U8:
        ((uint8_t *)output)[i] = (uint8_t)value;
        break;
    case CAST_S16:
        ((int16_t *)output)[i] = (int16_t)value;
        break;
    case CAST_S32:
        ((int32_t *)output)[i] = (int32_t)value;
        break;
    case CAST_S64:
        ((int64_t *)output)[i] = value;
        break;
    case CAST_U32:
        ((uint32_t *)output)[i] = (uint32_t)value;
        break;
    default:
        ((bool *)output)[i] = value != 0;
        break;
    }
}

/* The whole part of a float as an int64 or int32, the nearest that there is; 0 for NaN. */
static int64_t whole(float value, int32_t is_long)
{
    const float limit = is_long != 0 ? 9223372036854775808.0f : 2147483648.0f;
    if (value >= limit)
    {
        return is_long != 0 ? INT64_MAX : INT32_MAX;
    }
    if (value <= -limit)
    {
        return is_long != 0 ? INT64_MIN : INT32_MIN;
    }
    if (value != value)
    {
        return 0;
    }
    return is_long != 0 ? (int64_t)value : (int32_t)value;
}

static int64_t from_float(float value, int32_t type)
{
    switch (type)
    {
    case CAST_S64:
        return whole(value, 1);
    case CAST_U32:
        return value > 0.0f ? (value < 4294967296.0f ? (int64_t)value : (int64_t)UINT32_MAX) : 0;
    case CAST_S8:
    case CAST_U8:
    case CAST_S16:
    case CAST_S32:
        return whole(value, 0);
    default:
        return value != 0.0f ? 1 : 0;
    }
}

/*
 * Numbers of one element type as those of another (0 float, 1 int8, 2 uint8, 3 int16, 4 int32, 5 int64, 6 bool,
 * 7 uint32). Fractions are cut off and NaN becomes 0; floats become the nearest int64, uint32 or, for other types,
 * int32 first; of integers that are too long the lower bits stay.
 */
void mg_cast(const void *input, void *output, int32_t size, int32_t from, int32_t to)
{
    for (int32_t i = 0; i < size; i++)
    {
        if (from == CAST_F32)
        {
            const float value = ((const float *)input)[i];
            if (to == CAST_F32)
            {
                ((float *)output)[i] = value;
            }
            else
            {
                store(output, i, to, from_float(value, to));
            }
        }
        else if (to == CAST_F32)
        {
            ((float *)output)[i] = (float)load(input, i, from);
        }
        else
        {
            store(output, i, to, load(input, i, from));
        }
    }
}
