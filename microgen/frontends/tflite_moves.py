"""Operators that copy bytes: what a file says of their operands' scales and zero points changes nothing of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from microgen.mindir import Node, QuantParams, Value
from microgen.ops.reshape import Reshape

#: Those whose kernels, in both of TensorFlow Lite's interpreters, do not look at quantization parameters.
OPERATORS = frozenset(
    ("BROADCAST_TO", "DEPTH_TO_SPACE", "DYNAMIC_UPDATE_SLICE", "EMBEDDING_LOOKUP", "FILL", "GATHER", "GATHER_ND",
     "MIRROR_PAD", "PACK", "REVERSE_V2", "SELECT", "SELECT_V2", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V",
     "STRIDED_SLICE", "TRANSPOSE", "UNPACK")
)  # fmt: skip


def taken_over(
    operator: str, operands: Sequence[Value | None], outputs: Sequence[Value]
) -> tuple[list[Node], tuple[Value | None, ...]]:
    """``operands`` with the result's quantization parameters where ``operator`` copies their bytes whatever theirs are,
    and the nodes, views, that give them these.
    """
    wanted = {output.type.quant for output in outputs}
    if operator not in OPERATORS or len(wanted) != 1:
        return [], tuple(operands)
    (quant,) = wanted
    nodes: list[Node] = []
    found: list[Value | None] = []
    for place, value in enumerate(operands):
        if value is None or quant is None or not _differs(value, outputs[0], quant):
            found.append(value)
            continue
        name = f"{outputs[0].name}/operand{place}"
        taken = dataclasses.replace(value, name=name, type=dataclasses.replace(value.type, quant=quant))
        if not value.is_const:
            nodes.append(Node(Reshape(value.shape), (value,), (taken,), name))
        found.append(taken)
    return nodes, tuple(found)


def _differs(value: Value, output: Value, quant: QuantParams) -> bool:
    """Whether an operand has quantization parameters of its own, one scale as the result has."""
    own = value.type.quant
    same_type = value.type.dtype is output.type.dtype
    return same_type and own is not None and own != quant and own.is_per_tensor and quant.is_per_tensor
