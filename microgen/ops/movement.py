"""What operators share that only move elements: views of the input that are copied out by one strided kernel."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, Value
from microgen.ops.base import Op, constraint, device_constraint
from microgen.ops.call import Call, Input, Int, Output, Struct, Target
from microgen.ops.constraints import short
from microgen.ops.onnx_form import constant_input
from microgen.ops.quantization import QuantRule

#: Positions of elements or parts.
Places: TypeAlias = NDArray[np.int64]
#: (length, stride in the input, stride in the output) of a loop, strides in elements; outermost first.
Loop: TypeAlias = tuple[int, int, int]

# Loops of the kernel's parameter block.
_RANK = 8


class Movement(Op):
    """An operator whose outputs are copies of views of its first input: strided, repeated, reversed."""

    @abstractmethod
    def views(self, node: Node, x: Array) -> list[Array]:
        """For each output a view of ``x`` [samples, *shape of input 0] that has its elements in order.

        Views have the sample axis in front; they may have more dimensions than the output.
        """

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and outputs have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), *node.outputs)

    @device_constraint
    def few_loops(self, node: Node) -> str | None:
        """the elements are reached by at most 8 nested loops"""
        longest = max(len(copy_loops(view[0], view.itemsize)[1]) for view in self._placed(node)[1])
        return None if longest <= _RANK else f"{longest} are needed"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x = inputs[0]
        assert x is not None
        views = self.views(node, np.ascontiguousarray(x))
        return [
            np.ascontiguousarray(view).reshape(x.shape[0], *value.shape)
            for view, value in zip(views, node.outputs, strict=True)
        ]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def _placed(self, node: Node) -> tuple[Array, list[Array]]:
        """Memory as large as the input (never touched) and the views of it."""
        memory = np.empty((1, *node.input(0).shape), node.input(0).type.dtype.numpy)
        return memory, self.views(node, memory)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        memory, views = self._placed(node)
        calls = []
        for index, view in enumerate(views):
            offset = address(view) - address(memory)
            run, loops = copy_loops(view[0], memory.itemsize)
            calls.append(strided_copy(0, index, memory.itemsize, run, loops, input_offset=offset))
        return tuple(calls)


def address(array: Array) -> int:
    """Where the first element lies."""
    return int(array.__array_interface__["data"][0])


def unequal_quantization(first: Value, *others: Value) -> str | None:
    """What is wrong with values that must share one scale and zero point, or have none."""
    wanted = first.type.quant
    for value in (first, *others):
        quant = value.type.quant
        if quant is not None and not quant.is_per_tensor:
            return f"{short(value)} has {len(quant.scales)} scales"
        if quant != wanted:
            return f"{short(value)} has {quant or 'none'}, {short(first)} {wanted or 'none'}"
    return None


def copy_loops(view: Array, itemsize: int, destination: Array | None = None) -> tuple[int, list[Loop]]:
    """(length of contiguous runs, loops around them) that copy ``view`` to ``destination``, a view of the same shape
    (default: contiguous memory); in elements.

    Loops that run alike on both sides are merged. Of those around runs the longest is innermost, which the kernel
    makes cheapest; the order of the others does not matter.
    """
    strides = [s // itemsize for s in view.strides]
    if destination is None:
        places = [math.prod(view.shape[i + 1 :]) for i in range(view.ndim)]
    else:
        places = [s // itemsize for s in destination.strides]
    loops: list[Loop] = []  # innermost first
    for length, stride, place in reversed(list(zip(view.shape, strides, places, strict=True))):
        if length == 1:
            continue
        if loops:
            count, inner, outer = loops[-1]
            if stride == count * inner and place == count * outer:
                loops[-1] = (count * length, inner, outer)
                continue
        loops.append((length, stride, place))
    run = 1
    if loops and loops[0][1:] == (1, 1):
        run = loops.pop(0)[0]
    longest = max(range(len(loops)), key=lambda i: loops[i][0], default=0)
    inner_loop = [loops.pop(longest)] if loops else []
    return run, [*reversed(loops), *inner_loop]


def strided_copy(
    source: int,
    result: int,
    itemsize: int,
    run: int,
    loops: Sequence[Loop],
    input_offset: int = 0,
    output_offset: int = 0,
) -> Call:
    """The call that copies runs of ``run`` elements from input ``source`` to output ``result``; offsets in bytes."""
    assert len(loops) <= _RANK
    padded = [*loops] or [(1, 0, 0)]
    outer = len(padded) - 1
    padded += [(1, 0, 0)] * (_RANK - len(padded))
    params = Struct(
        "mg_strided_copy_params",
        (
            ("dims", tuple(Int(length) for length, _, _ in padded)),
            ("input_strides", tuple(Int(stride * itemsize) for _, stride, _ in padded)),
            ("output_strides", tuple(Int(stride * itemsize) for _, _, stride in padded)),
            ("outer", Int(outer)),
            ("bytes", Int(run * itemsize)),
            # Elements that are copied one by one are read and written whole.
            ("unit", Int(itemsize if run == 1 else 0)),
        ),
    )
    return Call("mg_strided_copy", (params, Input(source, input_offset), Output(result, output_offset)))


def axis_in(axis: int, rank: int) -> int:
    """``axis``, which may count from the end, counted from the front; VerifyError when there is no such axis."""
    if not -rank <= axis < rank:
        raise VerifyError(f"axis {axis} is outside of {rank} dimensions")
    return axis % rank


def axes_in(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Distinct axes counted from the front, ascending; VerifyError for one that does not exist."""
    return tuple(sorted({axis_in(axis, rank) for axis in axes}))


def shape_permuted(values: Sequence[int], permutation: Sequence[int]) -> tuple[int, ...]:
    """Numbers that belong to dimensions, in the order of the rearranged dimensions."""
    return tuple(values[i] for i in permutation)


def together(*arrays: Array) -> tuple[Array, ...]:
    """Arrays with a leading sample axis, all with the same number of samples; constants are repeated."""
    samples = max(len(a) for a in arrays)
    return tuple(np.broadcast_to(a, (samples, *a.shape[1:])) for a in arrays)


def present(inputs: Sequence[Array | None]) -> tuple[Array, ...]:
    """The inputs of an operator that has no optional ones."""
    assert all(a is not None for a in inputs)
    return tuple(a for a in inputs if a is not None)


def wrong_indices(indices: Value) -> str | None:
    """What is wrong with indices that must be int32 or int64."""
    if indices.type.dtype in (DType.INT32, DType.INT64):
        return None
    return f"{short(indices)} is {indices.type.dtype}"


def check_constant_indices(indices: Value, length: int) -> None:
    """VerifyError when indices that are known at compile time are not all in -length to length - 1."""
    if not indices.is_const or indices.const.dtype.kind not in "iu":
        return
    low, high = int(indices.const.min()), int(indices.const.max())
    if low < -length or high >= length:
        raise VerifyError(f"index {high if high >= length else low} is outside of a dimension of {length}")


def in_range(indices: Array, length: int) -> Places:
    """Indices counted from the front; those outside of the dimension become the nearest inside, as on the device."""
    wide = indices.astype(np.int64)
    result: Places = np.clip(np.where(wide < 0, wide + length, wide), 0, length - 1)
    return result


def int64_indices(indices: Value, where: str) -> Value:
    """Indices as int64 for an operator of ONNX that takes no others; VerifyError for computed ones of another type."""
    if indices.type.dtype is DType.INT64:
        return indices
    if not indices.is_const:
        raise VerifyError(f"ONNX needs int64 indices, {short(indices)} is {indices.type.dtype}", where=where)
    return constant_input(indices.name, indices.const.astype(np.int64))
