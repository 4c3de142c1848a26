/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_mve_scale.h"

/* Addition of two vectors of block_size values, four at a time. The output may be one of the inputs. */
arm_cmsis_nn_status arm_elementwise_add_s8(const int8_t *input_1_vect, const int8_t *input_2_vect,
                                           const int32_t input_1_offset, const int32_t input_1_mult,
                                           const int32_t input_1_shift, const int32_t input_2_offset,
                                           const int32_t input_2_mult, const int32_t input_2_shift,
                                           const int32_t left_shift, int8_t *output,
                                           const int32_t out_offset, const int32_t out_mult,
                                           const int32_t out_shift, const int32_t out_activation_min,
                                           const int32_t out_activation_max, const int32_t block_size)
{
    const mg_mve_factor by_1 = mg_mve_factor_of(left_shift, input_1_mult, input_1_shift);
    const mg_mve_factor by_2 = mg_mve_factor_of(left_shift, input_2_mult, input_2_shift);
    const mg_mve_factor by = mg_mve_factor_of(0, out_mult, out_shift);
    const int32x4_t low = vdupq_n_s32(out_activation_min);
    const int32x4_t high = vdupq_n_s32(out_activation_max);
    const int8_t *whole_end = output + (block_size & ~3);
    const mve_pred16_t lanes = vctp32q((uint32_t)block_size & 3u);

    for (; output < whole_end; output += 4)
    {
        const int32x4_t value_1 = mg_mve_rescale(vaddq_n_s32(vldrbq_s32(input_1_vect), input_1_offset), by_1);
        const int32x4_t value_2 = mg_mve_rescale(vaddq_n_s32(vldrbq_s32(input_2_vect), input_2_offset), by_2);
        const int32x4_t sum = vaddq_n_s32(mg_mve_rescale(vaddq_s32(value_1, value_2), by), out_offset);
        vstrbq_s32(output, vminq_s32(vmaxq_s32(sum, low), high));
        input_1_vect += 4;
        input_2_vect += 4;
    }
    if (lanes != 0)
    {
        int32x4_t value_1 = vldrbq_z_s32(input_1_vect, lanes);
        int32x4_t value_2 = vldrbq_z_s32(input_2_vect, lanes);
        value_1 = mg_mve_rescale(vaddq_n_s32(value_1, input_1_offset), by_1);
        value_2 = mg_mve_rescale(vaddq_n_s32(value_2, input_2_offset), by_2);
        const int32x4_t sum = vaddq_n_s32(mg_mve_rescale(vaddq_s32(value_1, value_2), by), out_offset);
        vstrbq_p_s32(output, vminq_s32(vmaxq_s32(sum, low), high), lanes);
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
