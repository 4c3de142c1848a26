/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

#include "mg_strided_copy.h"
#include "mg_support.h"
#include "mg_unit.h"

static void copy_1(const uint8_t *from, uint8_t *to, int32_t count, int32_t in, int32_t out)
{
    for (; count >= 4; count -= 4)
    {
        const uint8_t a = from[0];
        const uint8_t b = from[in];
        const uint8_t c = from[2 * in];
        const uint8_t d = from[3 * in];
        to[0] = a;
        to[out] = b;
        to[2 * out] = c;
        to[3 * out] = d;
        from += 4 * in;
        to += 4 * out;
    }
    for (; count > 0; count--)
    {
        *to = *from;
        from += in;
        to += out;
    }
}

static void copy_2(const uint8_t *from, uint8_t *to, int32_t count, int32_t in, int32_t out)
{
    for (; count > 0; count--)
    {
        mg_move_2(to, from);
        from += in;
        to += out;
    }
}

static void copy_4(const uint8_t *from, uint8_t *to, int32_t count, int32_t in, int32_t out)
{
    for (; count >= 4; count -= 4)
    {
        mg_move_4(to, from);
        mg_move_4(to + out, from + in);
        mg_move_4(to + 2 * out, from + 2 * in);
        mg_move_4(to + 3 * out, from + 3 * in);
        from += 4 * in;
        to += 4 * out;
    }
    for (; count > 0; count--)
    {
        mg_move_4(to, from);
        from += in;
        to += out;
    }
}

static void copy_8(const uint8_t *from, uint8_t *to, int32_t count, int32_t in, int32_t out)
{
    for (; count > 0; count--)
    {
        mg_move_8(to, from);
        from += in;
        to += out;
    }
}

static void copy_runs(const uint8_t *from, uint8_t *to, int32_t count, int32_t in, int32_t out, int32_t bytes)
{
    if (bytes < 8)
    {
        /* Not worth a call. */
        for (; count > 0; count--)
        {
            for (int32_t i = 0; i < bytes; i++)
            {
                to[i] = from[i];
            }
            from += in;
            to += out;
        }
        return;
    }
    for (; count > 0; count--)
    {
        memcpy(to, from, (size_t)bytes);
        from += in;
        to += out;
    }
}

/* Copies between strided places: transpositions, slices, repetitions, reversals. */
void mg_strided_copy(const mg_strided_copy_params *params, const void *input, void *output)
{
    const int32_t outer = params->outer;
    const int32_t count = params->dims[outer];
    const int32_t in = params->input_strides[outer];
    const int32_t out = params->output_strides[outer];
    int32_t index[8] = {0};
    do
    {
        const uint8_t *from = (const uint8_t *)input + mg_index_offset(index, params->input_strides, outer);
        uint8_t *to = (uint8_t *)output + mg_index_offset(index, params->output_strides, outer);
        switch (params->unit)
        {
        case 1:
            copy_1(from, to, count, in, out);
            break;
        case 2:
            copy_2(from, to, count, in, out);
            break;
        case 4:
            copy_4(from, to, count, in, out);
            break;
        case 8:
            copy_8(from, to, count, in, out);
            break;
        default:
            copy_runs(from, to, count, in, out, params->bytes);
            break;
        }
    } while (mg_next_index(index, params->dims, outer));
}
