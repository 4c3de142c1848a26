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

/*
 * One pointer for each row of the kernel; a kernel of height 1 needs none. row_bytes is the size of an input
 * row, padded whether the kernel reaches above or below the image: neither counts, because the rows outside
 * are left out of the sums. They stand here for kernels that read a row of zero points instead.
 */
#define MG_CONVOLVE_S8_SCRATCH(kernel_h, row_bytes, padded) \
    ((kernel_h) > 1 ? (kernel_h) * MG_POINTER_BYTES : 0)
#define MG_DEPTHWISE_CONV_S8_SCRATCH(kernel_h, row_bytes, padded) \
    MG_CONVOLVE_S8_SCRATCH(kernel_h, row_bytes, padded)

/* The int32 sums of one output position. */
#define MG_AVGPOOL_S8_SCRATCH(channels) ((channels) * 4)

#endif
