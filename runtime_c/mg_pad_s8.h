/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_PAD_S8_H
#define MG_PAD_S8_H

#include <stdint.h>

/* Sizes of the input and of the padding before and after it, outermost dimension first. */
typedef struct
{
    int32_t input_dims[6];
    int32_t before[6];
    int32_t after[6];
    int32_t value;
} mg_pad_s8_params;

#endif
