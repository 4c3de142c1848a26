/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_select.h"
#include "mg_support.h"
#include "mg_unit.h"

/* Elements of one operand or another, with broadcasting. */
void mg_select(const mg_select_params *params, const void *condition, const void *input_1, const void *input_2,
               void *output)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t size = params->size;
    const int32_t step_1 = params->input_1_strides[last] * size;
    const int32_t step_2 = params->input_2_strides[last] * size;
    const int32_t step = params->condition_strides[last];
    uint8_t *to = (uint8_t *)output;
    int32_t index[MG_MAX_RANK] = {0};
    do
    {
        const uint8_t *c = (const uint8_t *)condition + mg_index_offset(index, params->condition_strides, last);
        const uint8_t *a = (const uint8_t *)input_1 + size * mg_index_offset(index, params->input_1_strides, last);
        const uint8_t *b = (const uint8_t *)input_2 + size * mg_index_offset(index, params->input_2_strides, last);
        for (int32_t i = 0; i < params->dims[last]; i++)
        {
            const uint8_t *from = *c != 0 ? a : b;
            switch (size)
            {
            case 1:
                *to = *from;
                break;
            case 2:
                mg_move_2(to, from);
                break;
            case 4:
                mg_move_4(to, from);
                break;
            default:
                mg_move_8(to, from);
                break;
            }
            c += step;
            a += step_1;
            b += step_2;
            to += size;
        }
    } while (mg_next_index(index, params->dims, last));
}
