"""CMSIS-NN's header names over the kernels of ``runtime_c/``, for source code that was written for CMSIS-NN.

A project's network needs none of them: it includes ``microgen_nn.h``. They serve an application that calls the API
itself, and CMSIS-NN's own unit tests. They define neither ARM_MATH_DSP nor ARM_MATH_MVEI: what sources for CMSIS-NN
expect of scratch under those does not hold for these kernels, which ask for less.
"""

from __future__ import annotations

from pathlib import Path

from microgen.codegen import kernels
from microgen.ops.call import Isa

_SUPPORT = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Generated: what sources for CMSIS-NN take from this header besides its functions. */
#ifndef ARM_NNSUPPORTFUNCTIONS_H
#define ARM_NNSUPPORTFUNCTIONS_H

#include "arm_nnfunctions.h"

#include <string.h>

#define NN_Q31_MAX INT32_MAX
#define NN_Q31_MIN INT32_MIN
#define NN_Q15_MAX INT16_MAX
#define NN_Q15_MIN INT16_MIN
#define NN_Q7_MAX INT8_MAX
#define NN_Q7_MIN INT8_MIN
#ifndef MAX
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#endif
#ifndef CLAMP
#define CLAMP(value, high, low) ((value) > (high) ? (high) : MAX(value, low))
#endif
/* Input channels above which the transposed convolution of CMSIS-NN 7 runs as an ordinary one. */
#define REVERSE_TCOL_EFFICIENT_THRESHOLD (16)

#endif
"""


def _alias(guard: str, lines: str) -> str:
    return (
        f"/* SPDX-License-Identifier: Apache-2.0 */\n/* Generated: a name of CMSIS-NN's. */\n#ifndef {guard}\n"
        f"#define {guard}\n\n{lines}\n\n#endif\n"
    )


def api_headers(runtime_c: Path, isa: Isa = Isa.PORTABLE) -> dict[str, str]:
    """Header name → text: ``microgen_nn.h`` with every function of ``runtime_c`` and CMSIS-NN's header names.

    Sources that include them are compiled and linked with the ``.c`` files that
    ``kernels.needed_files(runtime_c, kernels.functions(runtime_c), isa)`` names; the folder ``runtime_c`` and that of
    these headers are on the include path.
    """
    types = '#include "mg_nn_types.h"'
    return {
        kernels.GENERATED_HEADER: kernels.nn_header(runtime_c, kernels.functions(runtime_c), isa=isa),
        "arm_nnfunctions.h": _alias("ARM_NNFUNCTIONS_H", '#include "microgen_nn.h"'),
        "arm_nnsupportfunctions.h": _SUPPORT,
        "arm_nn_types.h": _alias("ARM_NN_TYPES_H", types),
        "arm_nn_math_types.h": _alias("ARM_NN_MATH_TYPES_H", types),
    }


_INT8_API_TEXT = """
arm_avgpool_s8 arm_avgpool_s8_get_buffer_size arm_avgpool_s8_get_buffer_size_dsp
arm_avgpool_s8_get_buffer_size_mve arm_batch_matmul_s8 arm_concatenation_s8_w arm_concatenation_s8_x
arm_concatenation_s8_y arm_concatenation_s8_z arm_convolve_1_x_n_s8 arm_convolve_1_x_n_s8_get_buffer_size
arm_convolve_1x1_s8 arm_convolve_1x1_s8_fast arm_convolve_1x1_s8_fast_get_buffer_size arm_convolve_s8
arm_convolve_s8_get_buffer_size arm_convolve_wrapper_s8 arm_convolve_wrapper_s8_get_buffer_size
arm_convolve_wrapper_s8_get_buffer_size_dsp arm_convolve_wrapper_s8_get_buffer_size_mve
arm_depthwise_conv_3x3_s8 arm_depthwise_conv_s8 arm_depthwise_conv_s8_opt
arm_depthwise_conv_s8_opt_get_buffer_size arm_depthwise_conv_wrapper_s8
arm_depthwise_conv_wrapper_s8_get_buffer_size arm_depthwise_conv_wrapper_s8_get_buffer_size_dsp
arm_depthwise_conv_wrapper_s8_get_buffer_size_mve arm_elementwise_add_s8 arm_elementwise_mul_s8
arm_fully_connected_per_channel_s8 arm_fully_connected_s8 arm_fully_connected_s8_get_buffer_size
arm_fully_connected_s8_get_buffer_size_dsp arm_fully_connected_s8_get_buffer_size_mve
arm_fully_connected_wrapper_s8 arm_lstm_unidirectional_s8 arm_max_pool_s8 arm_maximum_s8 arm_minimum_s8
arm_pad_s8 arm_relu6_s8 arm_reshape_s8 arm_softmax_s8 arm_softmax_s8_s16 arm_svdf_s8
arm_svdf_s8_get_buffer_size arm_svdf_s8_get_buffer_size_dsp arm_svdf_s8_get_buffer_size_mve
arm_svdf_state_s16_s8 arm_transpose_conv_s8 arm_transpose_conv_s8_get_buffer_size
arm_transpose_conv_s8_get_buffer_size_dsp arm_transpose_conv_s8_get_buffer_size_mve
arm_transpose_conv_s8_get_reverse_conv_buffer_size arm_transpose_conv_wrapper_s8 arm_transpose_s8
arm_vector_sum_s8 arm_vector_sum_s8_s64
"""
#: The int8 functions that CMSIS-NN v7.0 declares in arm_nnfunctions.h.
INT8_API = tuple(_INT8_API_TEXT.split())


def api_table(runtime_c: Path) -> str:
    """Markdown: which int8 functions of CMSIS-NN v7.0 the kernels implement, by source file, and which they lack."""
    present = kernels.functions(runtime_c)
    files: dict[str, list[str]] = {}
    for name in INT8_API:
        if name in present:
            files.setdefault(present[name].file, []).append(name)
    lines = ["| Source in `runtime_c/` | Functions |", "| --- | --- |"]
    for file, names in sorted(files.items()):
        lines.append(f"| `{file}` | {', '.join(f'`{name}`' for name in names)} |")
    missing = ", ".join(f"`{name}`" for name in INT8_API if name not in present)
    return "\n".join([*lines, "", f"Not implemented (a call is a link error): {missing or 'none'}.", ""])
