"""Convolutions, pools, products, normalizations, conversions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from microgen.errors import VerifyError
from microgen.exporters.tflite.nodes import Nodes, Rule
from microgen.mindir import DType, Node, Value
from microgen.ops.add import Add
from microgen.ops.attributes import NO_PADDING, Activation, Padding, image_size, padding_kind
from microgen.ops.base import Op
from microgen.ops.broadcast_to import BroadcastTo
from microgen.ops.cast import Cast
from microgen.ops.comparisons import Equal, NotEqual
from microgen.ops.maximum import Maximum
from microgen.ops.mean import Mean
from microgen.ops.mul import Mul
from microgen.ops.pad import Pad
from microgen.ops.quantize import Quantize
from microgen.ops.reshape import Reshape
from microgen.ops.rsqrt import Rsqrt
from microgen.ops.select import Select
from microgen.ops.slice import Slice
from microgen.ops.square import Square
from microgen.ops.sub import Sub
from microgen.ops.sum import Sum

# More dimensions than the reference interpreter multiplies matrices in.
_MATRIX_RANK = 5


def _padded(
    nodes: Nodes, kernel: tuple[int, int], dilation: tuple[int, int], fill: float | None = None
) -> Value | None:
    """The padded image, None when the format's own SAME or VALID says it."""
    image, pad = nodes.source, nodes.op.padding
    if padding_kind(pad, image_size(image), kernel, nodes.op.stride, dilation) is not None:
        return None
    amounts = ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0))
    return nodes.move(Pad(amounts, fill), image, label="padded")


def _convolution(nodes: Nodes) -> list[Node] | None:
    padded = _padded(nodes, nodes.op.kernel(nodes.node), nodes.op.dilation)
    if padded is None:
        return None
    return nodes.last(dataclasses.replace(nodes.op, padding=NO_PADDING), padded, *nodes.node.inputs[1:])


def _max_pool(nodes: Nodes) -> list[Node] | None:
    dtype = nodes.source.type.dtype
    padded = _padded(nodes, nodes.op.kernel, (1, 1), float("-inf") if dtype.is_float else dtype.limits[0])
    return None if padded is None else nodes.last(dataclasses.replace(nodes.op, padding=NO_PADDING), padded)


def _transposed_convolution(nodes: Nodes) -> list[Node] | None:
    """Zeros between a dilated filter's rows and columns; nothing is cut by the operator but by SLICE."""
    op, node = nodes.op, nodes.node
    filter_ = node.input(1)
    if op.dilation != (1, 1):
        if not filter_.is_const:
            return None
        out, height, width, channels = filter_.shape
        down, right = op.dilation
        spread = np.zeros((out, (height - 1) * down + 1, (width - 1) * right + 1, channels), filter_.type.dtype.numpy)
        spread[:, ::down, ::right] = filter_.const
        dilated = nodes.constant(spread, "dilated", filter_.type.quant)
        return nodes.last(dataclasses.replace(op, dilation=(1, 1)), nodes.source, dilated, *node.inputs[2:])
    try:
        op.to_tflite(node)
    except VerifyError:
        pad = op.padding
        size = image_size(node.output)
        batch, channels = node.output.shape[0], node.output.shape[3]
        # What is cut at the bottom stays away, unless more rows are added than were cut.
        rest = Padding(0, 0, pad.bottom, pad.right)
        whole = nodes.add(
            dataclasses.replace(op, padding=rest), *node.inputs, label="whole", quant=node.output.type.quant
        )
        return nodes.last(Slice((0, pad.top, pad.left, 0), (batch, *size, channels)), whole)
    return None


def _along_last(nodes: Nodes) -> list[Node] | None:
    """Softmax and its logarithm."""
    rank = len(nodes.source.shape)
    axis = nodes.op.axis % max(rank, 1)
    if rank == 0 or axis == rank - 1:
        return None
    return nodes.with_axis_last(dataclasses.replace(nodes.op, axis=-1), axis)


def _matrices(nodes: Nodes) -> list[Node] | None:
    """Leading dimensions that both operands share, if need be after broadcasting, count as one."""
    left, right = nodes.source, nodes.node.input(1)
    if max(len(left.shape), len(right.shape)) <= _MATRIX_RANK:
        return None
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    flat = []
    for value, label in ((left, "left"), (right, "right")):
        whole = (*batch, *value.shape[-2:])
        spread = value if value.shape == whole else nodes.move(BroadcastTo(whole), value, label=f"{label}_whole")
        flat.append(nodes.move(Reshape((math.prod(batch), *value.shape[-2:])), spread, label=label))
    product = nodes.add(nodes.op, *flat, label="product", quant=nodes.node.output.type.quant)
    return nodes.last(Reshape(nodes.node.output.shape), product)


def _dequantize(nodes: Nodes) -> list[Node] | None:
    """With a scale for each channel: the reference interpreter's DEQUANTIZE reads the first alone."""
    source = nodes.source
    quant = source.type.quant
    if quant is None or (quant.is_per_tensor and source.type.dtype is not DType.INT32):
        return None
    shape = [1] * len(source.shape)
    if quant.axis is not None:
        shape[quant.axis] = len(quant.scales)
    value = nodes.add(Cast(DType.FLOAT32), source, label="steps")
    if any(quant.zero_points):
        zeros = nodes.constant(np.array(quant.zero_points, np.float32).reshape(shape), "zero_points")
        value = nodes.add(Sub(), value, zeros, label="centred")
    scales = np.array(quant.scales, np.float32).reshape(shape)
    return nodes.last(Mul(), value, nodes.constant(scales, "scales"))


def _centred(nodes: Nodes, value: Value, label: str) -> Value:
    """The differences of a quantized tensor's numbers from its zero point, in float."""
    quant = value.type.quant
    assert quant is not None
    if value.is_const:
        return nodes.constant(value.const.astype(np.float32) - np.float32(quant.zero_point), label)
    numbers = nodes.add(Cast(DType.FLOAT32), value, label=f"{label}_numbers")
    return nodes.add(Sub(), numbers, nodes.constant(np.array(quant.zero_point, np.float32), label), label=label)


def _division(nodes: Nodes) -> list[Node] | None:
    """In float in int8; a divisor of 0 becomes one so small that all but 0 leave the range."""
    op, first, second, output = nodes.op, nodes.source, nodes.node.input(1), nodes.node.output.type.quant
    if first.type.quant is None or second.type.quant is None or output is None:
        return None
    factor = np.array(first.type.quant.scale / second.type.quant.scale, np.float32)
    smallest = nodes.constant(np.array(factor / output.scale / 512.0, np.float32), "smallest")
    zero = nodes.constant(np.array(0.0, np.float32), "zero")
    dividend, divisor = _centred(nodes, first, "dividend"), _centred(nodes, second, "divisor")
    nothing = nodes.add(Equal(), divisor, zero, label="nothing")
    divisor = nodes.add(Select(), nothing, smallest, divisor, label="something")
    quotient = nodes.add(dataclasses.replace(op, activation=Activation.NONE), dividend, divisor, label="quotient")
    real = nodes.add(Mul(op.activation), quotient, nodes.constant(factor, "factor"), label="real")
    return nodes.last(Quantize(DType.INT8), real)


def _layer_norm(nodes: Nodes) -> list[Node]:
    """In float, of the quantized numbers themselves: differences from the mean, times their count, are exact.

    Scale and zero point of the input cancel out but for epsilon.
    """
    op, node = nodes.op, nodes.node
    gamma, beta = node.optional_input(1), node.optional_input(2)
    quant = nodes.source.type.quant
    x = nodes.source if quant is None else nodes.add(Cast(DType.FLOAT32), nodes.source, label="numbers")
    rank = len(x.shape)
    axes = tuple(range(rank - op.axes, rank))

    def constant(number: float, label: str) -> Value:
        return nodes.constant(np.array(number, np.float32), label)

    if quant is None:
        epsilon = op.epsilon
        centred = nodes.add(Sub(), x, nodes.add(Mean(axes, True), x, label="mean"), label="centred")
    else:
        count = op.count(node)
        epsilon = op.epsilon * (count / quant.scale) ** 2
        product = nodes.add(Mul(), x, constant(count, "count"), label="product")
        centred = nodes.add(Sub(), product, nodes.add(Sum(axes, True), x, label="sum"), label="centred")
    variance = nodes.add(Mean(axes, True), nodes.add(Square(), centred, label="squares"), label="variance")
    shifted = nodes.add(Add(), variance, constant(epsilon, "epsilon"), label="shifted")
    if quant is not None:
        shifted = nodes.add(Maximum(), shifted, constant(1.0, "least"), label="positive")
    steps: list[tuple[Op, Value]] = [(Mul(), nodes.add(Rsqrt(), shifted, label="factor"))]
    steps += [] if gamma is None else [(Mul(), gamma)]
    steps += [] if beta is None else [(Add(), beta)]
    value = centred
    for i, (step, operand) in enumerate(steps):
        if i == len(steps) - 1 and quant is None:
            return nodes.last(step, value, operand)
        value = nodes.add(step, value, operand, label=f"step{i}")
    return nodes.last(Quantize(DType.INT8), value)


def _exclusive_or(nodes: Nodes) -> list[Node] | None:
    return nodes.last(NotEqual(), *nodes.node.inputs)


RULES: Mapping[str, Rule] = {
    "BatchMatMul": _matrices,
    "Conv2D": _convolution,
    "Dequantize": _dequantize,
    "DepthwiseConv2D": _convolution,
    "Div": _division,
    "LayerNorm": _layer_norm,
    "LogSoftmax": _along_last,
    "LogicalXor": _exclusive_or,
    "MaxPool2D": _max_pool,
    "Softmax": _along_last,
    "TransposeConv2D": _transposed_convolution,
}
