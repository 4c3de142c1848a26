/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_repeat.h"
#include "mg_support.h"

/* The larger of two elements; a dimension of size 1 is repeated along the other operand's. */
arm_cmsis_nn_status arm_maximum_s8(const cmsis_nn_context *ctx, const int8_t *input_1_data,
                                    const cmsis_nn_dims *input_1_dims, const int8_t *input_2_data,
                                    const cmsis_nn_dims *input_2_dims, int8_t *output_data,
                                    const cmsis_nn_dims *output_dims)
{
    (void)ctx;
    const int32_t dims[4] = {output_dims->n, output_dims->h, output_dims->w, output_dims->c};
    int32_t strides_1[4];
    int32_t strides_2[4];
    if (!mg_repeating_strides(input_1_dims, output_dims, strides_1) ||
        !mg_repeating_strides(input_2_dims, output_dims, strides_2))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    int32_t index[4] = {0, 0, 0, 0};
    do
    {
        const int8_t a = input_1_data[mg_index_offset(index, strides_1, 4)];
        const int8_t b = input_2_data[mg_index_offset(index, strides_2, 4)];
        *output_data++ = a > b ? a : b;
    } while (mg_next_index(index, dims, 4));
    return ARM_CMSIS_NN_SUCCESS;
}
