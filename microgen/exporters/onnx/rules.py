"""Operators whose ONNX spelling is more than one node, or has its dimensions in another order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from microgen.exporters.onnx import formulas
from microgen.mindir import Node
from microgen.ops.attributes import Activation, Padding
from microgen.ops.base import op_of
from microgen.ops.onnx_form import Attribute

if TYPE_CHECKING:
    from microgen.exporters.onnx.writer import Writer

Rule: TypeAlias = "Callable[[Writer, Node], None]"

_TO_NCHW = (0, 3, 1, 2)
_FILTER_TO_OIHW = (0, 3, 1, 2)


def clamp(writer: Writer, name: str, activation: Activation) -> str:
    """The tensor ``name`` behind a fused activation."""
    low, high = activation.interval
    if activation is Activation.NONE:
        return name
    if activation is Activation.RELU:
        return writer.node("Relu", [name])
    limits = [writer.tensor(np.array(limit, np.float32), label) for limit, label in ((low, "min"), (high, "max"))]
    return writer.node("Clip", [name, *limits])


def _pads(padding: Padding) -> tuple[int, ...]:
    return (padding.top, padding.left, padding.bottom, padding.right)


def _image(writer: Writer, node: Node, operator: str, operands: list[str], attributes: Mapping[str, Attribute]) -> None:
    """One operator on an NCHW image, and the fused activation."""
    op: Any = node.op
    name = writer.node(operator, [writer.read(node.input(0), _TO_NCHW), *operands], attributes)
    writer.written(node.output, clamp(writer, name, getattr(op, "activation", Activation.NONE)), _TO_NCHW)


def _bias(writer: Writer, node: Node) -> str:
    bias = node.optional_input(2)
    return "" if bias is None else writer.read(bias)


def _conv2d(writer: Writer, node: Node) -> None:
    op: Any = node.op
    groups = node.input(0).shape[3] // node.input(1).shape[3]
    attributes: dict[str, Attribute] = {
        "kernel_shape": node.input(1).shape[1:3],
        "strides": op.stride,
        "dilations": op.dilation,
        "pads": _pads(op.padding),
        "group": groups,
    }
    filter_ = writer.read(node.input(1), _FILTER_TO_OIHW)
    _image(writer, node, "Conv", [filter_, _bias(writer, node)], attributes)


def _depthwise(writer: Writer, node: Node) -> None:
    op: Any = node.op
    attributes: dict[str, Attribute] = {
        "kernel_shape": node.input(1).shape[1:3],
        "strides": op.stride,
        "dilations": op.dilation,
        "pads": _pads(op.padding),
        "group": node.input(0).shape[3],
    }
    # [1, h, w, channels] is [channels, 1, h, w] for ONNX
    filter_ = writer.read(node.input(1), (3, 0, 1, 2))
    _image(writer, node, "Conv", [filter_, _bias(writer, node)], attributes)


def _transpose_conv2d(writer: Writer, node: Node) -> None:
    """Added rows and columns take back what was cut; more of them than ONNX allows hold the bias alone."""
    op: Any = node.op
    pad, (down, right) = op.padding, op.output_padding
    back = (min(pad.bottom, down), min(pad.right, right))
    pad = Padding(pad.top, pad.left, pad.bottom - back[0], pad.right - back[1])
    added = (down - back[0], right - back[1])
    apart = any(more >= step for more, step in zip(added, op.stride, strict=True))
    attributes: dict[str, Attribute] = {
        "kernel_shape": node.input(1).shape[1:3],
        "strides": op.stride,
        "dilations": op.dilation,
        "pads": _pads(pad),
        "output_padding": (0, 0) if apart else added,
    }
    # [out, h, w, in] is [in, out, h, w] for ONNX
    operands = [writer.read(node.input(0), _TO_NCHW), writer.read(node.input(1), (3, 0, 1, 2))]
    bias = node.optional_input(2)
    if not apart:
        operands += [] if bias is None else [writer.read(bias)]
    name = writer.node("ConvTranspose", operands, attributes)
    if apart:
        pads = writer.tensor(np.array([0, 0, 0, 0, 0, 0, *added], np.int64), "pads")
        name = writer.node("Pad", [name, pads])
        if bias is not None:
            name = writer.node("Add", [name, _reshape(writer, writer.read(bias), (-1, 1, 1))])
    writer.written(node.output, clamp(writer, name, op.activation), _TO_NCHW)


def _pool(operator: str) -> Rule:
    def rule(writer: Writer, node: Node) -> None:
        op: Any = node.op
        attributes: dict[str, Attribute] = {
            "kernel_shape": op.kernel,
            "strides": op.stride,
            "pads": _pads(op.padding),
        }
        _image(writer, node, operator, [], attributes)

    return rule


def _l2_pool2d(writer: Writer, node: Node) -> None:
    op: Any = node.op
    attributes: dict[str, Attribute] = {"kernel_shape": op.kernel, "strides": op.stride, "pads": _pads(op.padding)}
    image = writer.read(node.input(0), _TO_NCHW)
    means = writer.node("AveragePool", [writer.node("Mul", [image, image])], attributes)
    writer.written(node.output, clamp(writer, writer.node("Sqrt", [means]), op.activation), _TO_NCHW)


def _fully_connected(writer: Writer, node: Node) -> None:
    op: Any = node.op
    units, depth = node.input(1).shape
    source, shape = writer.read(node.input(0)), node.input(0).shape
    if shape != (node.input(0).type.elements // depth, depth):
        source = _reshape(writer, source, (-1, depth))
    name = writer.node("Gemm", [source, writer.read(node.input(1)), _bias(writer, node)], {"transB": 1})
    if node.output.shape != (node.output.type.elements // units, units):
        name = _reshape(writer, name, node.output.shape)
    writer.written(node.output, clamp(writer, name, op.activation))


def _reshape(writer: Writer, name: str, shape: tuple[int, ...]) -> str:
    return writer.node("Reshape", [name, writer.tensor(np.array(shape, np.int64), "shape")])


def _view(writer: Writer, node: Node) -> None:
    writer.written(node.output, _reshape(writer, writer.read(node.input(0)), node.output.shape))


def _depth_to_space(writer: Writer, node: Node) -> None:
    op: Any = node.op
    _image(writer, node, "DepthToSpace", [], {"blocksize": op.block, "mode": op.mode})


def _space_to_depth(writer: Writer, node: Node) -> None:
    op: Any = node.op
    _image(writer, node, "SpaceToDepth", [], {"blocksize": op.block})


def _resize(writer: Writer, node: Node) -> None:
    """Sizes and scales go by the dimensions."""
    form = op_of(node).to_onnx(node)
    operands = ["" if v is None else writer.tensor(v.const[list(_TO_NCHW)], v.name) for v in form.inputs[1:]]
    _image(writer, node, form.operator, operands, form.attributes)


RULES: Mapping[str, Rule] = {
    **formulas.RULES,
    "Conv2D": _conv2d,
    "DepthToSpace": _depth_to_space,
    "DepthwiseConv2D": _depthwise,
    "TransposeConv2D": _transpose_conv2d,
    "L2Pool2D": _l2_pool2d,
    "MaxPool2D": _pool("MaxPool"),
    "AveragePool2D": _pool("AveragePool"),
    "FullyConnected": _fully_connected,
    "Reshape": _view,
    "ResizeBilinear": _resize,
    "ResizeNearest": _resize,
    "SpaceToDepth": _space_to_depth,
    "Squeeze": _view,
    "ExpandDims": _view,
}
