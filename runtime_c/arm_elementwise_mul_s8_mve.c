/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_mve.h"

/*
 * Product of two vectors of block_size values, element by element, four at a time. The output may be one of
 * the inputs.
 */
arm_cmsis_nn_status arm_elementwise_mul_s8(const int8_t *input_1_vect, const int8_t *input_2_vect,
                                           const int32_t input_1_offset, const int32_t input_2_offset,
                                           int8_t *output, const int32_t out_offset, const int32_t out_mult,
                                           const int32_t out_shift, const int32_t out_activation_min,
                                           const int32_t out_activation_max, const int32_t block_size)
{
    const int32_t left = mg_max(out_shift, 0);
    const int32x4_t right = vdupq_n_s32(mg_min(out_shift, 0));
    const int32x4_t low = vdupq_n_s32(out_activation_min);
    const int32x4_t high = vdupq_n_s32(out_activation_max);
    for (int32_t rest = block_size; rest > 0; rest -= 4)
    {
        const mve_pred16_t lanes = vctp32q((uint32_t)rest);
        const int32x4_t value_1 = vaddq_n_s32(vldrbq_z_s32(input_1_vect, lanes), input_1_offset);
        const int32x4_t value_2 = vaddq_n_s32(vldrbq_z_s32(input_2_vect, lanes), input_2_offset);
        int32x4_t value = vshlq_r_s32(vmulq_s32(value_1, value_2), left);
        value = mg_mve_rounding_divide(vqrdmulhq_n_s32(value, out_mult), right);
        value = vminq_s32(vmaxq_s32(vaddq_n_s32(value, out_offset), low), high);
        vstrbq_p_s32(output, value, lanes);
        input_1_vect += 4;
        input_2_vect += 4;
        output += 4;
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
