"""Operators without an int8 form that are others in disguise: the same up to rounding in float32."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import DType, Graph, Node, Value, verify
from microgen.ops.base import Op
from microgen.ops.mul import Mul
from microgen.ops.reciprocal import Reciprocal
from microgen.ops.sqrt import Sqrt
from microgen.ops.square import Square
from microgen.quantize.facts import activation


def prepare(graph: Graph) -> Graph:
    """A copy of the float ``graph`` in which more operators can become int8."""
    result = graph.copy()
    for node in result.nodes:
        rewrite = REWRITES.get(node.op.name)
        new = rewrite(node) if rewrite is not None and node.outputs[0].type.dtype is DType.FLOAT32 else None
        if new is not None:
            result.replace_node(node, new)
    verify(result)
    return result


def _product(node: Node) -> Node | None:
    """Division by a constant is multiplication by its reciprocal."""
    divisor = node.input(1)
    if not divisor.is_const or node.input(0).is_const:
        return None
    numbers: NDArray[np.float32] = divisor.const.astype(np.float32)
    with np.errstate(divide="ignore", over="ignore"):
        reciprocal = (np.float32(1.0) / numbers).astype(np.float32)
    if not np.isfinite(reciprocal).all():
        return None
    factor = Value(divisor.name, divisor.type, reciprocal)
    return dataclasses.replace(node, op=Mul(activation=activation(node)), inputs=(node.input(0), factor))


_POWERS: Mapping[float, Op] = {2.0: Square(), 0.5: Sqrt(), -1.0: Reciprocal()}


def _function(node: Node) -> Node | None:
    """A power with a constant exponent is a function of one operand."""
    base, exponent = node.input(0), node.input(1)
    if not exponent.is_const or exponent.type.elements != 1 or base.type != node.output.type:
        return None
    op = _POWERS.get(float(exponent.const.astype(np.float32).reshape(-1)[0]))
    return None if op is None else dataclasses.replace(node, op=op, inputs=(base,))


REWRITES: Mapping[str, Callable[[Node], Node | None]] = {"Div": _product, "Pow": _function}
