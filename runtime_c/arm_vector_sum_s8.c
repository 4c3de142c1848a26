/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/*
 * For each row of a matrix of weights, what a dense layer needs of it besides the products: the sum of
 * weight + rhs_offset over the row, times lhs_offset, plus the bias where there is one.
 */
arm_cmsis_nn_status arm_vector_sum_s8(int32_t *vector_sum_buf, const int32_t vector_cols,
                                      const int32_t vector_rows, const int8_t *vector_data,
                                      const int32_t lhs_offset, const int32_t rhs_offset,
                                      const int32_t *bias_data)
{
    for (int32_t row = 0; row < vector_rows; row++)
    {
        int32_t sum = (int32_t)((uint32_t)vector_cols * (uint32_t)rhs_offset);
        for (int32_t column = 0; column < vector_cols; column++)
        {
            sum = mg_wrap_add(sum, vector_data[column]);
        }
        vector_data += vector_cols;
        const int32_t scaled = (int32_t)((uint32_t)sum * (uint32_t)lhs_offset);
        vector_sum_buf[row] = bias_data == NULL ? scaled : mg_wrap_add(scaled, bias_data[row]);
    }
    return ARM_CMSIS_NN_SUCCESS;
}
