/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_MAX_POOL_ROW_S8_H
#define MG_MAX_POOL_ROW_S8_H

#include <stdint.h>

/* Maximum pooling along the width. */
typedef struct
{
    int32_t input_w;
    int32_t channels;
    int32_t kernel_w;
    int32_t output_w;
    int32_t stride_w;
    int32_t padding_w;
} mg_max_pool_row_s8_params;

#endif
