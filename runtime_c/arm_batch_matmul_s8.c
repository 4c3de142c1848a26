/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_dense_row_s8.h"

/* How far to go on after each step of a loop of `count` over a dimension of `size`: nowhere where it is shared. */
static int32_t step_of(int32_t size, int32_t count, int32_t elements)
{
    return size == 1 && count != 1 ? 0 : elements;
}

static bool is_shared_or(int32_t size, int32_t count)
{
    return size == 1 || size == count;
}

/*
 * Products of matrices: rows of the left with rows of the right, whose w and c are the numbers of rows and their
 * length. n and h count matrices; where one side has 1, all of the other's share it. No context is needed.
 */
arm_cmsis_nn_status arm_batch_matmul_s8(const cmsis_nn_context *ctx, const cmsis_nn_bmm_params *bmm_params,
                                        const cmsis_nn_per_tensor_quant_params *quant_params,
                                        const cmsis_nn_dims *input_lhs_dims, const int8_t *input_lhs,
                                        const cmsis_nn_dims *input_rhs_dims, const int8_t *input_rhs,
                                        const cmsis_nn_dims *output_dims, int8_t *output)
{
    (void)ctx;
    const cmsis_nn_dims *left = input_lhs_dims;
    const cmsis_nn_dims *right = input_rhs_dims;
    if (left->c != right->c || left->c < 1 || left->w < 1 || right->w < 1 || !is_shared_or(left->n, output_dims->n) ||
        !is_shared_or(left->h, output_dims->h) || !is_shared_or(right->n, output_dims->n) ||
        !is_shared_or(right->h, output_dims->h))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    mg_dense_row_s8_params row = {.input_c = right->c,
                                  .output_c = right->w,
                                  .input_offset = bmm_params->fc_params.input_offset,
                                  .filter_offset = bmm_params->fc_params.filter_offset,
                                  .output_offset = bmm_params->fc_params.output_offset,
                                  .quant_step = 0,
                                  .activation = bmm_params->fc_params.activation,
                                  .filter = input_rhs,
                                  .bias = NULL,
                                  .multiplier = &quant_params->multiplier,
                                  .shift = &quant_params->shift};
    const int32_t left_size = left->w * left->c;
    const int32_t right_size = right->w * right->c;
    const int32_t left_h = step_of(left->h, output_dims->h, left_size);
    const int32_t right_h = step_of(right->h, output_dims->h, right_size);
    const int32_t left_n = step_of(left->n, output_dims->n, left->h * left_size);
    const int32_t right_n = step_of(right->n, output_dims->n, right->h * right_size);
    for (int32_t n = 0; n < output_dims->n; n++)
    {
        for (int32_t h = 0; h < output_dims->h; h++)
        {
            row.filter = input_rhs + n * right_n + h * right_h;
            mg_dense_row_s8(&row, input_lhs + n * left_n + h * left_h, left->w, left->c, output);
            output += left->w * right->w;
        }
    }
    return ARM_CMSIS_NN_SUCCESS;
}
