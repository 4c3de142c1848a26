"""Operators that move elements."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.exporters.tflite.nodes import Nodes, Rule
from microgen.mindir import Array, DType, Node, Value
from microgen.ops.cast import Cast
from microgen.ops.concatenation import Concatenation
from microgen.ops.depth_to_space import DepthToSpace
from microgen.ops.gather import Gather
from microgen.ops.movement import axis_in
from microgen.ops.reshape import Reshape
from microgen.ops.reverse import Reverse
from microgen.ops.select import Select
from microgen.ops.sub import Sub
from microgen.ops.transpose import Transpose

# Limits of the reference interpreter.
_MOST_JOINED = 10
_TRANSPOSED_RANK = 5


def _counted(indices: Value, lengths: int | Sequence[int]) -> NDArray[np.int32] | None:
    """Constant indices as int32 that count from the start; None where they are so already.

    ``lengths`` is that of the dimension that they count, or one for each element of their last dimension.
    """
    numbers = indices.const.astype(np.int64)
    if indices.type.dtype is DType.INT32 and numbers.min(initial=0) >= 0:
        return None
    return np.where(numbers < 0, numbers + np.array(lengths, np.int64), numbers).astype(np.int32)


def _gather(nodes: Nodes) -> list[Node] | None:
    source, indices = nodes.source, nodes.node.input(1)
    axis = axis_in(nodes.op.axis, len(source.shape))
    counted = _counted(indices, source.shape[axis]) if indices.is_const else None
    if axis == nodes.op.axis and counted is None:
        return None
    which = indices if counted is None else nodes.constant(counted, "indices")
    return nodes.last(Gather(axis, nodes.op.batch_dims), source, which)


def _gather_nd(nodes: Nodes) -> list[Node] | None:
    source, indices = nodes.source, nodes.node.input(1)
    if not indices.is_const:
        return None
    if nodes.op.batch_dims:
        return _gather_elements(nodes)
    counted = _counted(indices, source.shape[: indices.shape[-1]])
    return None if counted is None else nodes.last(nodes.op, source, nodes.constant(counted, "indices"))


def _gather_elements(nodes: Nodes) -> list[Node] | None:
    """What the operator makes of the elements' numbers says which elements it takes."""
    source, indices = nodes.source, nodes.node.input(1)
    if not indices.is_const:
        return None
    numbers = np.arange(source.type.elements, dtype=np.int32).reshape(1, *source.shape)
    (elements,) = nodes.op.evaluate(nodes.node, [numbers, indices.const[np.newaxis]])
    return nodes.chosen(source, elements[0])


def _scatter(nodes: Nodes) -> list[Node] | None:
    """Elements of the data and the updates, side by side, where updates replace."""
    data, indices, updates = (nodes.node.input(i) for i in range(3))
    if not indices.is_const or nodes.op.reduction != "none":
        return None
    numbers = np.arange(data.type.elements + updates.type.elements, dtype=np.int32)
    parts = (numbers[: data.type.elements], numbers[data.type.elements :])
    old, new = (part.reshape(1, *value.shape) for part, value in zip(parts, (data, updates), strict=True))
    (elements,) = nodes.op.evaluate(nodes.node, [old, indices.const[np.newaxis], new])
    flat = [
        nodes.move(Reshape((v.type.elements,)), v, label=label) for v, label in ((data, "data"), (updates, "updates"))
    ]
    return nodes.chosen(nodes.move(Concatenation(0), *flat, label="together"), elements[0])


def _trilu(nodes: Nodes) -> list[Node] | None:
    source = nodes.source
    ones = np.ones(source.shape[-2:], np.bool_)
    mask = np.triu(ones, nodes.op.k) if nodes.op.upper else np.tril(ones, nodes.op.k)
    quant = source.type.quant
    zero = np.array(0 if quant is None else quant.zero_point, source.type.dtype.numpy)
    condition = nodes.constant(mask.reshape((1,) * (len(source.shape) - 2) + mask.shape), "mask")
    return nodes.last(Select(), condition, source, nodes.constant(zero, "zero", quant))


def _mirror_pad(nodes: Nodes) -> list[Node] | None:
    if nodes.op.mode not in ("edge", "wrap"):
        return None
    tables: dict[int, Array] = {}
    for axis, (length, amounts) in enumerate(zip(nodes.source.shape, nodes.op.amounts, strict=True)):
        if amounts != (0, 0):
            numbers = np.arange(length, dtype=np.int32)
            tables[axis] = (
                np.pad(numbers, amounts, mode="edge")
                if nodes.op.mode == "edge"
                else np.pad(numbers, amounts, mode="wrap")
            )
    return nodes.along(tables)


def _tile(nodes: Nodes) -> list[Node] | None:
    repeated = zip(nodes.source.shape, nodes.op.multiples, strict=True)
    return nodes.along({axis: np.tile(np.arange(n), m) for axis, (n, m) in enumerate(repeated) if m != 1})


def _resize_nearest(nodes: Nodes) -> list[Node] | None:
    """TensorFlow Lite's own choice of pixels, or any other by their numbers."""
    try:
        nodes.op.to_tflite(nodes.node)
    except VerifyError:
        return nodes.along({axis + 1: nodes.op.indices(nodes.node, axis) for axis in (0, 1)})
    return None


def _depth_to_space(nodes: Nodes) -> list[Node] | None:
    """Channels in TensorFlow's order first."""
    if nodes.op.mode == "DCR":
        return None
    area = nodes.op.block**2
    order = np.arange(nodes.source.shape[3], dtype=np.int32).reshape(-1, area).T.reshape(-1)
    ordered = nodes.move(Gather(3), nodes.source, nodes.constant(order, "order"), label="ordered")
    return nodes.last(DepthToSpace(nodes.op.block), ordered)


def _transpose(nodes: Nodes) -> list[Node] | None:
    """Dimensions that stay neighbours count as one where there are too many."""
    shape, permutation = nodes.source.shape, nodes.op.permutation
    if len(shape) <= _TRANSPOSED_RANK:
        return None
    kept = [axis for axis in permutation if shape[axis] != 1]
    groups: list[list[int]] = []
    for axis in kept:
        between = range(groups[-1][-1] + 1, axis) if groups and axis > groups[-1][-1] else None
        if between is not None and all(shape[i] == 1 for i in between):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    order = sorted(range(len(groups)), key=lambda i: groups[i][0])
    if len(groups) > _TRANSPOSED_RANK:
        return None
    sizes = tuple(math.prod(shape[axis] for axis in groups[i]) for i in order)
    merged = nodes.move(Reshape(sizes), nodes.source, label="merged")
    turned = nodes.move(Transpose(tuple(order.index(i) for i in range(len(groups)))), merged, label="turned")
    return nodes.last(Reshape(nodes.node.output.shape), turned)


def _concatenation(nodes: Nodes) -> list[Node] | None:
    """A few at a time."""
    parts = [nodes.node.input(i) for i in range(len(nodes.node.inputs))]
    if len(parts) <= _MOST_JOINED:
        return None
    joined = [
        nodes.move(nodes.op, *parts[i : i + _MOST_JOINED], label=f"part{i // _MOST_JOINED}")
        for i in range(0, len(parts), _MOST_JOINED)
    ]
    return nodes.last(nodes.op, *joined)


def _arg_reduction(nodes: Nodes) -> list[Node] | None:
    """The last of equal elements is the first from behind; a dimension that is kept comes back by a reshape."""
    op, source = nodes.op, nodes.source
    if not op.keep_dims and not op.last:
        return None
    axis = axis_in(op.axis, len(source.shape))
    plain = dataclasses.replace(op, axis=axis, keep_dims=False, last=False)
    if not op.last:
        return nodes.last(Reshape(nodes.node.output.shape), nodes.add(plain, source, label="flat"))
    backwards = nodes.move(Reverse((axis,)), source, label="backwards")
    found = nodes.add(dataclasses.replace(plain, dtype=DType.INT32), backwards, label="from_behind")
    end = nodes.constant(np.array(source.shape[axis] - 1, np.int32), "end")
    place = nodes.add(Sub(), end, found, label="place")
    if op.dtype is not DType.INT32:
        place = nodes.add(Cast(op.dtype), place, label="wide")
    return nodes.last(Reshape(nodes.node.output.shape), place)


RULES: Mapping[str, Rule] = {
    "ArgMax": _arg_reduction,
    "ArgMin": _arg_reduction,
    "Concatenation": _concatenation,
    "DepthToSpace": _depth_to_space,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "MirrorPad": _mirror_pad,
    "ResizeNearest": _resize_nearest,
    "ScatterElements": _scatter,
    "ScatterND": _scatter,
    "Tile": _tile,
    "Transpose": _transpose,
    "Trilu": _trilu,
}
