/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of scratch that the kernels take from cmsis_nn_context.buf, as constant expressions: the
 * *_get_buffer_size functions return them and generated code asserts its arena against them. A kernel that
 * is not named here takes none. A pointer is counted as 8 bytes, so that an arena that is right for a
 * microcontroller is also right on a 64-bit host.
 */
#ifndef MG_SCRATCH_H
#define MG_SCRATCH_H

#include "mg_isa.h"

#define MG_POINTER_BYTES 8

/* One pointer for each row of the kernel; a kernel of height 1 needs none. */
#define MG_ROW_POINTERS_BYTES(kernel_h) ((kernel_h) > 1 ? (kernel_h) * MG_POINTER_BYTES : 0)

/* Where the Helium flavour gathers the input of some output positions, `size` bytes each: of four and more. */
#define MG_MVE_COLUMNS_BYTES(size) (4 * (size) + 288)

/*
 * Row pointers, then what the flavour keeps of the input. The DSP flavour: two patches in int16, filled up to
 * a multiple of four elements, and where depth is no such multiple, a patch's bytes. The Helium
 * flavour: bytes of the input; a pointwise convolution needs none.
 */
#if MG_DSP
#define MG_GROUPS_OF_FOUR(n) (((n) + 3) / 4)
#define MG_CONVOLVE_S8_SCRATCH(kernel_h, kernel_w, kernel_c) \
    (MG_ROW_POINTERS_BYTES(kernel_h) +                       \
     MG_GROUPS_OF_FOUR((kernel_h) * (kernel_w) * (kernel_c)) * ((kernel_c) % 4 == 0 ? 16 : 20))
#define MG_CONVOLVE_1X1_S8_SCRATCH(kernel_c) MG_CONVOLVE_S8_SCRATCH(1, 1, kernel_c)
#elif MG_MVE
#define MG_CONVOLVE_S8_SCRATCH(kernel_h, kernel_w, kernel_c) \
    (MG_ROW_POINTERS_BYTES(kernel_h) + MG_MVE_COLUMNS_BYTES((kernel_h) * (kernel_w) * (kernel_c)))
#define MG_CONVOLVE_1X1_S8_SCRATCH(kernel_c) 0
#else
#define MG_CONVOLVE_S8_SCRATCH(kernel_h, kernel_w, kernel_c) \
    (MG_ROW_POINTERS_BYTES(kernel_h) + (kernel_h) * (kernel_w) * (kernel_c) * 4)
#define MG_CONVOLVE_1X1_S8_SCRATCH(kernel_c) 0
#endif

/*
 * Row pointers, then what some outputs of an int16 convolution read. The DSP flavour: two patches, filled up to a
 * multiple of four elements, and one as it is gathered; the others as many as are computed together.
 */
#if MG_DSP
#define MG_CONVOLVE_S16_SCRATCH(kernel_h, kernel_w, kernel_c)                                                  \
    (MG_ROW_POINTERS_BYTES(kernel_h) + MG_GROUPS_OF_FOUR((kernel_h) * (kernel_w) * (kernel_c)) * 16 + \
     (kernel_h) * (kernel_w) * (kernel_c) * 2)
#else
#if MG_MVE
#define MG_CONVOLVE_S16_POSITIONS 4
#else
#define MG_CONVOLVE_S16_POSITIONS 1
#endif
#define MG_CONVOLVE_S16_SCRATCH(kernel_h, kernel_w, kernel_c) \
    (MG_ROW_POINTERS_BYTES(kernel_h) + (kernel_h) * (kernel_w) * (kernel_c) * 2 * MG_CONVOLVE_S16_POSITIONS)
#endif

/* What four outputs of a convolution with packed weights read, in every flavour. */
#define MG_CONVOLVE_S4_SCRATCH(kernel_h, kernel_w, kernel_c) ((kernel_h) * (kernel_w) * (kernel_c) * 8)

/* Depthwise kernels of up to this many rows keep their pointers on the stack: callers give them no scratch. */
#define MG_DEPTHWISE_LOCAL_ROWS 16
#define MG_DEPTHWISE_CONV_S8_SCRATCH(kernel_h) \
    ((kernel_h) > MG_DEPTHWISE_LOCAL_ROWS ? MG_ROW_POINTERS_BYTES(kernel_h) : 0)

/* Float convolutions likewise. */
#define MG_CONV_F32_LOCAL_ROWS 16
#define MG_CONV_F32_SCRATCH(kernel_h) \
    ((kernel_h) > MG_CONV_F32_LOCAL_ROWS ? MG_ROW_POINTERS_BYTES(kernel_h) : 0)

/* The int32 sums of one output position. */
#define MG_AVGPOOL_S8_SCRATCH(channels) ((channels) * 4)

#endif
