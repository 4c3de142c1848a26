/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of scratch that the kernels take from cmsis_nn_context.buf, as constant expressions: the
 * *_get_buffer_size functions return them and generated code asserts its arena against them. A kernel that
 * is not named here takes none. A pointer is counted as 8 bytes, so that an arena that is right for a
 * microcontroller is also right on a 64-bit host.
 */
#ifndef MG_SCRATCH_H
#define MG_SCRATCH_H

#define MG_POINTER_BYTES 8

/* One pointer for each row of the kernel; a kernel of height 1 needs none. */
#define MG_CONVOLVE_S8_SCRATCH(kernel_h) ((kernel_h) > 1 ? (kernel_h) * MG_POINTER_BYTES : 0)
#define MG_DEPTHWISE_CONV_S8_SCRATCH(kernel_h) MG_CONVOLVE_S8_SCRATCH(kernel_h)

/* The int32 sums of one output position. */
#define MG_AVGPOOL_S8_SCRATCH(channels) ((channels) * 4)

#endif
