"""What operators share that put updates into places of a tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node
from microgen.ops.base import Op, constraint, device_constraint
from microgen.ops.call import Call, Target
from microgen.ops.constraints import short
from microgen.ops.movement import unequal_quantization, wrong_indices
from microgen.ops.quantization import QuantRule

#: How an update meets what is there; ONNX's names.
REDUCTIONS = ("none", "add", "mul", "max", "min")


@dataclass(frozen=True)
class Scatter(Op):
    """Base of the operators; inputs are data, indices, updates. It is computed by the host runtime alone."""

    def check_operands(self, node: Node, reduction: str) -> tuple[DType, tuple[int, ...]]:
        """Element type and shape of the result, which are the data's."""
        data, updates = node.input(0), node.input(2)
        if reduction not in REDUCTIONS:
            raise VerifyError(f"reduction {reduction} is none of {', '.join(REDUCTIONS)}")
        if updates.type.dtype is not data.type.dtype:
            raise VerifyError(f"data is {data.type.dtype}, updates are {updates.type.dtype}")
        return data.type.dtype, data.shape

    @constraint
    def integer_indices(self, node: Node) -> str | None:
        """indices are int32 or int64"""
        return wrong_indices(node.input(1))

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """data, updates and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.input(2), node.output)

    @device_constraint
    def on_the_device(self, node: Node) -> str | None:
        """its operands are constants, for there is no kernel in C"""
        computed = next((v for v in node.inputs if v is not None and not v.is_const), node.outputs[0])
        return f"{short(computed)} is computed"

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        raise VerifyError("there is no kernel in C", where=node.label)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return None


_UFUNCS = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def scatter_rows(data: Array, places: Array, updates: Array, reduction: str) -> Array:
    """``data`` [samples, rows, inner] with ``updates`` [samples, entries, inner] at ``places`` [samples, entries].

    Later updates of the same place win or, with a reduction, are applied in order.
    """
    result = np.array(data)
    for out, where, new in zip(result, places, updates, strict=True):
        if reduction == "none":
            out[where] = new
        else:
            _UFUNCS[reduction].at(out, where, new)
    return result
