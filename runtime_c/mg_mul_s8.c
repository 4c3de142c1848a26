/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_mul_s8.h"
#include "mg_support.h"

/*
 * Multiplication with broadcasting, by the arithmetic of arm_elementwise_mul_s8. The output may be an input
 * whose strides are those of the output.
 */
void mg_mul_s8(const mg_mul_s8_params *params, const int8_t *input_1, const int8_t *input_2, int8_t *output)
{
    const int32_t last = MG_MAX_RANK - 1;
    const int32_t step_1 = params->input_1_strides[last];
    const int32_t step_2 = params->input_2_strides[last];
    int32_t index[MG_MAX_RANK] = {0};
    do
    {
        const int8_t *a = input_1 + mg_index_offset(index, params->input_1_strides, last);
        const int8_t *b = input_2 + mg_index_offset(index, params->input_2_strides, last);
        for (int32_t i = 0; i < params->dims[last]; i++)
        {
            *output++ = mg_mul_one_s8(&params->quant, a[i * step_1], b[i * step_2]);
        }
    } while (mg_next_index(index, params->dims, last));
}
