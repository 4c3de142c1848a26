"""Operators that ONNX lacks, or has with other attributes: a few nodes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node
from microgen.ops.movement import axes_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from microgen.exporters.onnx.writer import Writer

Rule: TypeAlias = "Callable[[Writer, Node], None]"

#: Far before the first element.
_BEFORE = -(2**31)


def _number(writer: Writer, node: Node, value: float, label: str) -> str:
    """A constant of the first input's element type in the file."""
    kind = node.input(0).type
    return writer.tensor(np.array(value, np.float32 if kind.quant is not None else kind.dtype.numpy), label)


def _integers(writer: Writer, values: Sequence[int], label: str) -> str:
    return writer.tensor(np.array(values, np.int64), label)


def _arg_reduction(writer: Writer, node: Node) -> None:
    op: Any = node.op
    attributes = {"axis": op.axis, "keepdims": int(op.keep_dims), "select_last_index": int(op.last)}
    name = writer.node(op.onnx[0], [writer.read(node.input(0))], attributes)
    if op.dtype is not DType.INT64:
        name = writer.cast(name, op.dtype)
    writer.written(node.output, name)


def _top_k(writer: Writer, node: Node) -> None:
    op: Any = node.op
    attributes = {"axis": op.axis, "largest": int(op.largest), "sorted": int(op.sorted)}
    operands = [writer.read(node.input(0)), _integers(writer, [op.k], "k")]
    values, indices = writer.node_of_several("TopK", operands, attributes, 2)
    if op.dtype is not DType.INT64:
        indices = writer.cast(indices, op.dtype)
    writer.written(node.outputs[0], values)
    writer.written(node.outputs[1], indices)


def _batch_matmul(writer: Writer, node: Node) -> None:
    op: Any = node.op
    operands = []
    for value, turned in ((node.input(0), op.transpose_a), (node.input(1), op.transpose_b)):
        rank = len(value.shape)
        swap = (*range(rank - 2), rank - 1, rank - 2)
        operands.append(writer.read(value, swap if turned else ()))
    writer.written(node.output, writer.node("MatMul", operands))


def _dequantize(writer: Writer, node: Node) -> None:
    """What quantized tensors are in the file anyway; float16 becomes wider."""
    name = writer.read(node.input(0))
    if node.input(0).type.quant is None:
        name = writer.cast(name, DType.FLOAT32)
    writer.written(node.output, name)


def _quantize(writer: Writer, node: Node) -> None:
    writer.written(node.output, writer.read(node.input(0)))


def _layer_norm(writer: Writer, node: Node) -> None:
    op: Any = node.op
    if node.optional_input(1) is not None:
        writer.plain(node)
        return
    ones = writer.tensor(np.ones(node.input(0).shape[-op.axes :], node.input(0).type.dtype.numpy), "scale")
    if node.input(0).type.quant is not None:
        ones = writer.tensor(np.ones(node.input(0).shape[-op.axes :], np.float32), "scale")
    beta = node.optional_input(2)
    operands = [writer.read(node.input(0)), ones, "" if beta is None else writer.read(beta)]
    name = writer.node("LayerNormalization", operands, {"axis": -op.axes, "epsilon": op.epsilon})
    writer.written(node.output, name)


def _mirror_pad(writer: Writer, node: Node) -> None:
    """Symmetric padding takes elements by their numbers, dimension by dimension."""
    op: Any = node.op
    if op.mode != "symmetric":
        writer.plain(node)
        return
    name = writer.read(node.input(0))
    for axis, (length, amounts) in enumerate(zip(node.input(0).shape, op.amounts, strict=True)):
        if amounts != (0, 0):
            numbers = np.pad(np.arange(length, dtype=np.int64), amounts, mode="symmetric")
            name = writer.node("Gather", [name, writer.tensor(numbers, "elements")], {"axis": axis})
    writer.written(node.output, name)


def _reverse(writer: Writer, node: Node) -> None:
    op: Any = node.op
    axes = axes_in(op.axes, len(node.input(0).shape))
    columns = (
        ([-1] * len(axes), "starts"),
        ([_BEFORE] * len(axes), "ends"),
        (axes, "axes"),
        ([-1] * len(axes), "steps"),
    )
    operands = [_integers(writer, values, label) for values, label in columns]
    writer.written(node.output, writer.node("Slice", [writer.read(node.input(0)), *operands]))


def _slice(writer: Writer, node: Node) -> None:
    op: Any = node.op
    if not op.dropped:
        writer.plain(node)
        return
    ends = [b + n * s for b, n, s in zip(op.begin, op.size, op.stride, strict=True)]
    ends = [end if end >= 0 else _BEFORE for end in ends]
    columns = ((op.begin, "starts"), (ends, "ends"), (range(len(ends)), "axes"), (op.stride, "steps"))
    operands = [_integers(writer, values, label) for values, label in columns]
    part = writer.node("Slice", [writer.read(node.input(0)), *operands])
    writer.written(node.output, writer.node("Squeeze", [part, _integers(writer, op.dropped, "dropped")]))


def _mod(writer: Writer, node: Node) -> None:
    """ONNX's remainder of floats has the dividend's sign: the divisor is added where the signs differ."""
    op: Any = node.op
    if op.fmod or not node.input(0).type.dtype.is_float:
        writer.plain(node)
        return
    divisor = writer.read(node.input(1))
    rest = writer.node("Mod", [writer.read(node.input(0)), divisor], {"fmod": 1})
    apart = writer.node("Less", [writer.node("Mul", [rest, divisor]), _number(writer, node, 0.0, "zero")])
    writer.written(node.output, writer.node("Where", [apart, writer.node("Add", [rest, divisor]), rest]))


def _not_equal(writer: Writer, node: Node) -> None:
    same = writer.node("Equal", [writer.read(node.input(i)) for i in (0, 1)])
    writer.written(node.output, writer.node("Not", [same]))


def _squared_difference(writer: Writer, node: Node) -> None:
    difference = writer.node("Sub", [writer.read(node.input(i)) for i in (0, 1)])
    writer.written(node.output, writer.node("Mul", [difference, difference]))


def _rsqrt(writer: Writer, node: Node) -> None:
    root = writer.node("Sqrt", [writer.read(node.input(0))])
    writer.written(node.output, writer.node("Reciprocal", [root]))


def _softmax(writer: Writer, node: Node) -> None:
    op: Any = node.op
    if op.beta == 1.0:
        writer.plain(node)
        return
    scaled = writer.node("Mul", [writer.read(node.input(0)), _number(writer, node, op.beta, "beta")])
    writer.written(node.output, writer.node("Softmax", [scaled], {"axis": op.axis}))


def _pad(writer: Writer, node: Node) -> None:
    """The border of a quantized tensor is a number here; its elements go over as they are."""
    op: Any = node.op
    source, quant = node.input(0), node.output.type.quant
    if quant is None or (op.fill is None and source.type.quant == quant):
        writer.plain(node)
        return
    fill = 0.0 if op.fill is None else (op.fill - quant.zero_point) * np.float32(quant.scale)
    flat = [*(before for before, _ in op.amounts), *(after for _, after in op.amounts)]
    name = writer.read(source) if source.type.quant == quant else writer.dequantized_as(source, quant)
    operands = [name, _integers(writer, flat, "pads"), writer.tensor(np.array(fill, np.float32), "value")]
    writer.written(node.output, writer.node("Pad", operands))


def _bit_shift(writer: Writer, node: Node) -> None:
    """ONNX shifts unsigned integers alone; signed ones to the left are multiplied by powers of two."""
    op: Any = node.op
    distance = node.input(1)
    if str(node.input(0).type.dtype).startswith("u"):
        writer.plain(node)
        return
    if not op.left or not distance.is_const:
        hint = "Only shifts to the left by a constant can be written"
        raise VerifyError("ONNX shifts no signed integers", where=node.label, hint=hint)
    powers: Array = np.left_shift(np.ones_like(distance.const), distance.const)
    writer.written(node.output, writer.node("Mul", [writer.read(node.input(0)), writer.tensor(powers, "powers")]))


def _pack(writer: Writer, node: Node) -> None:
    op: Any = node.op
    axis = _integers(writer, [op.axis], "axis")
    parts = [writer.node("Unsqueeze", [writer.read(node.input(i)), axis]) for i in range(len(node.inputs))]
    writer.written(node.output, writer.node("Concat", parts, {"axis": op.axis}))


def _floor_div(writer: Writer, node: Node) -> None:
    if not node.input(0).type.dtype.is_float:
        hint = "Only floating-point quotients can be written"
        raise VerifyError("ONNX rounds quotients of integers towards zero", where=node.label, hint=hint)
    quotient = writer.node("Div", [writer.read(node.input(i)) for i in (0, 1)])
    writer.written(node.output, writer.node("Floor", [quotient]))


def _reduce_all(writer: Writer, node: Node) -> None:
    op: Any = node.op
    numbers = writer.cast(writer.read(node.input(0)), DType.INT32)
    operands = [numbers, _integers(writer, op.axes, "axes")]
    least = writer.node("ReduceMin", operands, {"keepdims": int(op.keep_dims)})
    writer.written(node.output, writer.cast(least, DType.BOOL))


RULES: Mapping[str, Rule] = {
    "ArgMax": _arg_reduction,
    "ArgMin": _arg_reduction,
    "BatchMatMul": _batch_matmul,
    "BitShift": _bit_shift,
    "Dequantize": _dequantize,
    "FloorDiv": _floor_div,
    "LayerNorm": _layer_norm,
    "MirrorPad": _mirror_pad,
    "Mod": _mod,
    "NotEqual": _not_equal,
    "Pack": _pack,
    "Pad": _pad,
    "Quantize": _quantize,
    "ReduceAll": _reduce_all,
    "Reverse": _reverse,
    "Rsqrt": _rsqrt,
    "Slice": _slice,
    "Softmax": _softmax,
    "SquaredDifference": _squared_difference,
    "TopK": _top_k,
}
