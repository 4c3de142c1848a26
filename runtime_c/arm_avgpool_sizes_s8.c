/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/*
 * CMSIS-NN has these for tools that plan memory on the desk. Here scratch differs with how the kernels were
 * compiled, so that each gives the need of the kernel that is linked.
 */
int32_t arm_avgpool_s8_get_buffer_size_dsp(const int dim_dst_width, const int ch_src)
{
    return arm_avgpool_s8_get_buffer_size(dim_dst_width, ch_src);
}

int32_t arm_avgpool_s8_get_buffer_size_mve(const int dim_dst_width, const int ch_src)
{
    return arm_avgpool_s8_get_buffer_size(dim_dst_width, ch_src);
}
