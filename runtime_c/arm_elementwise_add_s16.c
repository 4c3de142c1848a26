/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if !MG_MVE

#include "mg_add_s16.h"

/* Addition of two vectors of block_size values; the offsets are 0. The output may be one of the inputs. */
arm_cmsis_nn_status arm_elementwise_add_s16(const int16_t *input_1_vect, const int16_t *input_2_vect,
                                            const int32_t input_1_offset, const int32_t input_1_mult,
                                            const int32_t input_1_shift, const int32_t input_2_offset,
                                            const int32_t input_2_mult, const int32_t input_2_shift,
                                            const int32_t left_shift, int16_t *output,
                                            const int32_t out_offset, const int32_t out_mult,
                                            const int32_t out_shift, const int32_t out_activation_min,
                                            const int32_t out_activation_max, const int32_t block_size)
{
    (void)input_1_offset;
    (void)input_2_offset;
    (void)out_offset;
    const mg_add_s8_quant quant = {.left_shift = left_shift,
                                   .input_1_multiplier = input_1_mult,
                                   .input_1_shift = input_1_shift,
                                   .input_2_multiplier = input_2_mult,
                                   .input_2_shift = input_2_shift,
                                   .output_multiplier = out_mult,
                                   .output_shift = out_shift,
                                   .activation = {out_activation_min, out_activation_max}};
    for (int32_t i = 0; i < block_size; i++)
    {
        const int32_t first = mg_scaled_1_s16(&quant, input_1_vect[i]);
        output[i] = mg_unscaled_s16(&quant, mg_wrap_add(first, mg_scaled_2_s16(&quant, input_2_vect[i])));
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
