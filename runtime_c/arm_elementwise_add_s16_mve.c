/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_mve_scale.h"

/* Addition of two vectors of block_size values, four at a time; the offsets are 0. The output may be an input. */
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
    const mg_mve_factor by_1 = mg_mve_factor_of(left_shift, input_1_mult, input_1_shift);
    const mg_mve_factor by_2 = mg_mve_factor_of(left_shift, input_2_mult, input_2_shift);
    const mg_mve_factor by = mg_mve_factor_of(0, out_mult, out_shift);
    const int32x4_t low = vdupq_n_s32(out_activation_min);
    const int32x4_t high = vdupq_n_s32(out_activation_max);
    int32_t rest = block_size;
    for (; rest >= 4; rest -= 4)
    {
        const int32x4_t value_1 = mg_mve_rescale(vldrhq_s32(input_1_vect), by_1);
        const int32x4_t value_2 = mg_mve_rescale(vldrhq_s32(input_2_vect), by_2);
        const int32x4_t sum = mg_mve_rescale(vaddq_s32(value_1, value_2), by);
        vstrhq_s32(output, vminq_s32(vmaxq_s32(sum, low), high));
        input_1_vect += 4;
        input_2_vect += 4;
        output += 4;
    }
    if (rest > 0)
    {
        const mve_pred16_t lanes = vctp32q((uint32_t)rest);
        const int32x4_t value_1 = mg_mve_rescale(vldrhq_z_s32(input_1_vect, lanes), by_1);
        const int32x4_t value_2 = mg_mve_rescale(vldrhq_z_s32(input_2_vect, lanes), by_2);
        const int32x4_t sum = mg_mve_rescale(vaddq_s32(value_1, value_2), by);
        vstrhq_p_s32(output, vminq_s32(vmaxq_s32(sum, low), high), lanes);
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
