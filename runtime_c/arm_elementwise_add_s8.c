/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_MVE

#include "mg_add_s8.h"

/* Addition of two vectors of block_size values. The output may be one of the inputs. */
arm_cmsis_nn_status arm_elementwise_add_s8(const int8_t *input_1_vect, const int8_t *input_2_vect,
                                           const int32_t input_1_offset, const int32_t input_1_mult,
                                           const int32_t input_1_shift, const int32_t input_2_offset,
                                           const int32_t input_2_mult, const int32_t input_2_shift,
                                           const int32_t left_shift, int8_t *output,
                                           const int32_t out_offset, const int32_t out_mult,
                                           const int32_t out_shift, const int32_t out_activation_min,
                                           const int32_t out_activation_max, const int32_t block_size)
{
    const mg_add_s8_quant quant = {.left_shift = left_shift,
                                   .input_1_offset = input_1_offset,
                                   .input_1_multiplier = input_1_mult,
                                   .input_1_shift = input_1_shift,
                                   .input_2_offset = input_2_offset,
                                   .input_2_multiplier = input_2_mult,
                                   .input_2_shift = input_2_shift,
                                   .output_offset = out_offset,
                                   .output_multiplier = out_mult,
                                   .output_shift = out_shift,
                                   .activation = {out_activation_min, out_activation_max}};
    if (mg_add_is_usual(&quant))
    {
        mg_add_usual_s8(&quant, input_1_vect, input_2_vect, block_size, output);
        return ARM_CMSIS_NN_SUCCESS;
    }
    for (int32_t i = 0; i < block_size; i++)
    {
        output[i] = mg_add_one_s8(&quant, input_1_vect[i], input_2_vect[i]);
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
