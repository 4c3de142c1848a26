"""The headers of a project that links a genuine CMSIS-NN: adapters for its version, and its types for our kernels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from microgen.codegen import kernels
from microgen.codegen.cmsis_nn import Tree

_TYPEDEF = re.compile(r"\}\s*(\w+)\s*;")
_TYPE_HEADERS = ("arm_nn_math_types.h", "arm_nn_types.h")


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a version older than ``below`` (and not older than ``since``) takes the arguments of v7's function:
    ``kept`` are their positions.
    """

    function: str
    parameters: tuple[str, ...]
    since: tuple[int, int]
    below: tuple[int, int]
    kept: tuple[int, ...]
    why: str

    @property
    def text(self) -> str:
        """The macro; the name in parentheses is the function itself."""
        given = ", ".join(self.parameters)
        passed = ", ".join(f"{self.parameters[i]}" for i in self.kept)
        return f"/* {self.why} */\n#define {self.function}({given}) \\\n    ({self.function})({passed})"


_CONVOLVE = ("ctx", "conv", "quant", "input_dims", "input", "filter_dims", "filter", "bias_dims", "bias", "upscale",
             "output_dims", "output")  # fmt: skip
_SUM = ("sums", "columns", "rows", "data", "lhs_offset", "rhs_offset", "bias")
_ROW_SIZE = ("conv", "input_dims", "filter_dims", "output_dims")

ADAPTERS = (
    Adapter("arm_convolve_s8", _CONVOLVE, (4, 0), (7, 0), (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11),
            "Upscaling came with v7."),
    Adapter("arm_convolve_1_x_n_s8_get_buffer_size", _ROW_SIZE, (4, 0), (6, 0), (1, 2),
            "Depends on the filter alone before v6."),
    Adapter("arm_vector_sum_s8", _SUM, (6, 0), (7, 0), (0, 1, 2, 3, 4, 6),
            "An offset of the weights came with v7."),
    Adapter("arm_vector_sum_s8", _SUM, (5, 0), (6, 0), (0, 1, 2, 3),
            "v5 sums the weights alone; its dense layers add offset and bias."),
)  # fmt: skip


def adapters(tree: Tree) -> tuple[Adapter, ...]:
    """The adapters between v7's API and the functions of ``tree``."""
    version = tree.version.number
    return tuple(a for a in ADAPTERS if a.since <= version < a.below and tree.has(a.function))


def adapter_text(tree: Tree) -> str:
    """The part of ``microgen_nn.h`` that the network sees: CMSIS-NN's header and the adapters."""
    lines = [f"/* CMSIS-NN {tree.version}; what its API has otherwise than v7's is adapted here. */"]
    lines.append('#include "arm_nnfunctions.h"')
    lines += [adapter.text for adapter in adapters(tree)]
    return "\n".join(lines)


def types_header(tree: Tree, runtime_c: Path) -> str:
    """``mg_nn_types.h`` over the tree's own types: those of our kernels' types that it lacks are added."""
    include = tree.root / "Include"
    known: set[str] = set()
    for name in _TYPE_HEADERS:
        known.update(_TYPEDEF.findall((include / name).read_text(encoding="utf-8", errors="replace")))
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        f"/* Generated: the types of CMSIS-NN {tree.version}, with those of v7 that it lacks. */",
        "#ifndef MG_NN_TYPES_H",
        "#define MG_NN_TYPES_H",
        "",
        "#include <stdbool.h>",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        *(f'#include "{name}"' for name in _TYPE_HEADERS),
    ]
    for name, fields in kernels.structs(runtime_c / kernels.TYPES_HEADER).items():
        if name in known:
            continue
        lines += ["", "typedef struct", "{"]
        for field in fields:
            count = f"[{field.count}]" if field.count is not None else ""
            lines.append(f"    {field.ctype}{'' if field.ctype.endswith('*') else ' '}{field.name}{count};")
        lines.append(f"}} {name};")
    return "\n".join([*lines, "", "#endif", ""])
