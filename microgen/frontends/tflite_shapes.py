"""Arithmetic on shapes: what converters write to carry an unknown batch from a tensor's shape to a RESHAPE.

Shapes are static here, so such chains are computed when the file is read. These are no operators of MindIR: none of
them ever reaches the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from microgen.mindir import Array
from microgen.ops.tflite_form import Option

Lookup = Callable[[str], Option]

#: The options table in the schema of each operator that ``compute`` knows.
OPTIONS: dict[str, str | None] = {
    "STRIDED_SLICE": "StridedSliceOptions",
    "PACK": "PackOptions",
    "GATHER": "GatherOptions",
    "REDUCE_PROD": "ReducerOptions",
    "CONCATENATION": "ConcatenationOptions",
    "BROADCAST_ARGS": None,
}


def compute(operator: str, inputs: Sequence[Array], option: Lookup) -> Array | None:
    """The result of ``operator`` on constant integers; None when this module does not know it or it makes no sense.

    Operands are what shapes are made of: lists and single numbers.
    """
    rule = _RULES.get(operator)
    if rule is None or any(a.ndim > 1 or a.dtype.kind not in "iu" for a in inputs):
        return None
    return rule(inputs, option)


def _strided_slice(inputs: Sequence[Array], option: Lookup) -> Array | None:
    if len(inputs) != 4 or any(a.shape != (1,) for a in inputs[1:]) or inputs[0].ndim != 1:
        return None
    data, (begin, end, step) = inputs[0], (int(a[0]) for a in inputs[1:])
    if step == 0 or option("EllipsisMask") or option("NewAxisMask"):
        return None
    if option("ShrinkAxisMask"):
        return np.asarray(data[begin]) if -data.size <= begin < data.size else None
    return data[None if option("BeginMask") else begin : None if option("EndMask") else end : step]


def _pack(inputs: Sequence[Array], option: Lookup) -> Array | None:
    if option("Axis") not in (0, -1) or any(a.ndim for a in inputs):
        return None
    return np.stack(inputs)


def _gather(inputs: Sequence[Array], option: Lookup) -> Array | None:
    if len(inputs) != 2 or option("Axis") not in (0, -1) or option("BatchDims") or inputs[0].ndim != 1:
        return None
    data, chosen = inputs
    inside = all(0 <= i < data.size for i in chosen.reshape(-1).tolist())
    return np.asarray(data[chosen]) if inside else None


def _reduce_prod(inputs: Sequence[Array], option: Lookup) -> Array | None:
    if len(inputs) != 2 or inputs[0].ndim != 1 or not set(inputs[1].reshape(-1).tolist()) <= {0, -1}:
        return None
    product = math.prod(inputs[0].tolist())
    if not -(2**31) <= product < 2**31:
        return None
    return np.array([product] if option("KeepDims") else product, inputs[0].dtype)


def _concatenation(inputs: Sequence[Array], option: Lookup) -> Array | None:
    if option("Axis") not in (0, -1) or any(a.ndim != 1 for a in inputs) or option("FusedActivationFunction"):
        return None
    return np.concatenate(inputs)


def _broadcast_args(inputs: Sequence[Array], option: Lookup) -> Array | None:
    if len(inputs) != 2 or any(a.ndim != 1 for a in inputs):
        return None
    try:
        return np.array(np.broadcast_shapes(*(tuple(a.tolist()) for a in inputs)), inputs[0].dtype)
    except ValueError:
        return None


_RULES: dict[str, Callable[[Sequence[Array], Lookup], Array | None]] = {
    "STRIDED_SLICE": _strided_slice,
    "PACK": _pack,
    "GATHER": _gather,
    "REDUCE_PROD": _reduce_prod,
    "CONCATENATION": _concatenation,
    "BROADCAST_ARGS": _broadcast_args,
}
