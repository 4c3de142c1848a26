/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#if MG_MVE

#include "mg_mve_scale.h"

/* Product of two vectors of block_size values, four at a time; the offsets are 0. The output may be an input. */
arm_cmsis_nn_status arm_elementwise_mul_s16(const int16_t *input_1_vect, const int16_t *input_2_vect,
                                            const int32_t input_1_offset, const int32_t input_2_offset,
                                            int16_t *output, const int32_t out_offset, const int32_t out_mult,
                                            const int32_t out_shift, const int32_t out_activation_min,
                                            const int32_t out_activation_max, const int32_t block_size)
{
    (void)input_1_offset;
    (void)input_2_offset;
    (void)out_offset;
    const mg_mve_factor by = mg_mve_factor_of(0, out_mult, out_shift);
    const int32x4_t low = vdupq_n_s32(out_activation_min);
    const int32x4_t high = vdupq_n_s32(out_activation_max);
    int32_t rest = block_size;
    for (; rest >= 4; rest -= 4)
    {
        const int32x4_t product = vmulq_s32(vldrhq_s32(input_1_vect), vldrhq_s32(input_2_vect));
        vstrhq_s32(output, vminq_s32(vmaxq_s32(mg_mve_rescale(product, by), low), high));
        input_1_vect += 4;
        input_2_vect += 4;
        output += 4;
    }
    if (rest > 0)
    {
        const mve_pred16_t lanes = vctp32q((uint32_t)rest);
        const int32x4_t product = vmulq_s32(vldrhq_z_s32(input_1_vect, lanes), vldrhq_z_s32(input_2_vect, lanes));
        vstrhq_p_s32(output, vminq_s32(vmaxq_s32(mg_mve_rescale(product, by), low), high), lanes);
    }
    return ARM_CMSIS_NN_SUCCESS;
}

#endif
