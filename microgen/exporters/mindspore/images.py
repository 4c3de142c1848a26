"""Operators with windows over images, and padding: [N, H, W, C] in the graph, [N, C, H, W] in MindSpore."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgen.exporters.mindspore.forms import finish, form
from microgen.exporters.mindspore.writer import Literal, Writer, image_of, kind_of, unsupported
from microgen.mindir import Node, Value
from microgen.ops.attributes import Padding, image_size, padding_kind

_FILTER = (0, 3, 1, 2)
_DEPTHWISE = (3, 0, 1, 2)
_LOWEST = float(np.finfo(np.float32).min)


@form("Conv2D", "DepthwiseConv2D")
def _convolution(w: Writer, node: Node) -> None:
    op: Any = node.op
    image, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    depthwise = node.op.name == "DepthwiseConv2D"
    order = _DEPTHWISE if depthwise else _FILTER
    groups = image.shape[3] if depthwise else image.shape[3] // weights.shape[3]
    kernel = (weights.shape[1], weights.shape[2])
    pads, dilation = _sides(op.padding), (1, 1, *op.dilation)
    attributes: dict[str, Literal] = {
        "kernel_size": kernel,
        "mode": 1,
        "out_channel": node.output.shape[3],
        "pad": pads,
        "pad_mode": "pad",
        "format": "NCHW",
        "pad_list": pads,
        "groups": groups,
        "stride": (1, 1, *op.stride),
        "group": groups,
        "dilation": dilation,
    }
    kind = image_of(node.output)
    name = w.add("Conv2D", [w.nchw(image), _filter(w, weights, order)], kind, attributes)
    finish(w, node, _with_bias(w, name, node, bias), image=True)


def _filter(w: Writer, weights: Value, order: tuple[int, ...]) -> str:
    if weights.is_const:
        return w.parameter(np.transpose(weights.const, order), weights.name)
    kind = (weights.type.dtype, tuple(weights.shape[i] for i in order))
    return w.add("Transpose", [w.plain(weights), w.literal(order)], kind)


def _with_bias(w: Writer, name: str, node: Node, bias: Value | None) -> str:
    if bias is None:
        return name
    values = w.parameter(bias.const.reshape(-1), bias.name) if bias.is_const else w.plain(bias)
    return w.add("BiasAdd", [name, values, w.literal(0)], image_of(node.output))


def _sides(padding: Padding) -> tuple[int, int, int, int]:
    return padding.top, padding.bottom, padding.left, padding.right


@form("TransposeConv2D")
def _transposed_convolution(w: Writer, node: Node) -> None:
    op: Any = node.op
    image, weights = node.input(0), node.input(1)
    pads = _sides(op.padding)
    # MindSpore's weights are [in, out, H, W], and the primitive is the gradient of a convolution.
    attributes: dict[str, Literal] = {
        "kernel_size": (weights.shape[1], weights.shape[2]),
        "mode": 1,
        "out_channel": image.shape[3],
        "pad": pads,
        "pad_mode": "PAD",
        "format": "NCHW",
        "pad_list": pads,
        "groups": 1,
        "stride": (1, 1, *op.stride),
        "group": 1,
        "dilation": (1, 1, *getattr(op, "dilation", (1, 1))),
    }
    kind = image_of(node.output)
    inputs = [w.nchw(image), _filter(w, weights, (3, 0, 1, 2)), w.literal(kind[1])]
    name = w.add("Conv2DTranspose", inputs, kind, attributes)
    finish(w, node, _with_bias(w, name, node, node.optional_input(2)), image=True)


@form("MaxPool2D", "AveragePool2D")
def _pool(w: Writer, node: Node) -> None:
    op: Any = node.op
    image, kind = node.input(0), image_of(node.output)
    mode = padding_kind(op.padding, image_size(image), op.kernel, op.stride, (1, 1))
    if node.op.name == "MaxPool2D":
        name = w.nchw(image)
        if mode is None:
            name = _padded_image(w, name, image, op.padding)
        attributes: dict[str, Literal] = {
            "kernel_size": (1, 1, *op.kernel),
            "strides": (1, 1, *op.stride),
            "pad_mode": mode or "VALID",
            "format": "NCHW",
        }
        finish(w, node, w.add("MaxPool", [name], kind, attributes), image=True)
        return
    if mode is not None:
        pad = w.literal(("SAME", "VALID").index(mode) + 1)
        inputs = [w.nchw(image), w.literal(op.kernel), w.literal(op.stride), pad, w.literal(0)]
        finish(w, node, w.add("AvgPool", inputs, kind), image=True)
        return
    finish(w, node, _padded_average(w, node), image=True)


def _padded_average(w: Writer, node: Node) -> str:
    """A mean whose padding does not count: the pooling of volumes knows that."""
    op: Any = node.op
    dtype, shape = image_of(node.input(0))
    _, result = image_of(node.output)
    pads: Literal = (0, 0, *_sides(op.padding))
    attributes: dict[str, Literal] = {
        "kernel_size": (1, 1, 1, *op.kernel),
        "strides": (1, 1, 1, *op.stride),
        "pad": pads,
        "pad_list": pads,
        "pad_mode": "PAD",
        "ceil_mode": False,
        "count_include_pad": False,
        "divisor_override": 0,
        "format": "NCDHW",
    }
    volume = (*shape[:2], 1, *shape[2:])
    name = w.add("Reshape", [w.nchw(node.input(0)), w.literal(volume)], (dtype, volume))
    volume = (*result[:2], 1, *result[2:])
    name = w.add("AvgPool3D", [name], (dtype, volume), attributes)
    return w.add("Reshape", [name, w.literal(result)], (dtype, result))


def _padded_image(w: Writer, name: str, image: Value, padding: Padding) -> str:
    """The image with a border that no maximum takes."""
    dtype, (batch, channels, height, width) = image_of(image)
    size = (height + padding.top + padding.bottom, width + padding.left + padding.right)
    amounts = w.literal((padding.left, padding.right, padding.top, padding.bottom))
    value = w.parameter(np.array(_LOWEST, np.float32), "lowest")
    attributes: dict[str, Literal] = {"mode": "constant", "paddings_contiguous": True}
    return w.add("PadV3", [name, amounts, value], (dtype, (batch, channels, *size)), attributes)


@form("Pad")
def _pad(w: Writer, node: Node) -> None:
    op, x = vars(node.op), node.input(0)
    fill = next((op[k] for k in ("fill", "value") if k in op), None)
    amounts = tuple(int(n) for pair in reversed(op["amounts"]) for n in pair)
    data = np.array(0 if fill is None else fill).astype(x.type.dtype.numpy)
    attributes: dict[str, Literal] = {"mode": "constant", "paddings_contiguous": True}
    inputs = [w.plain(x), w.literal(amounts), w.parameter(data, "fill")]
    finish(w, node, w.add("PadV3", inputs, kind_of(node.output), attributes))


@form("MirrorPad")
def _mirror_pad(w: Writer, node: Node) -> None:
    op, x = vars(node.op), node.input(0)
    if op["mode"] not in ("reflect", "edge"):
        raise unsupported(node, f"padding of mode {op['mode']}")
    # The primitive takes the last dimensions only, and as many as are padded.
    first = next((i for i, pair in enumerate(op["amounts"]) if any(pair)), len(x.shape) - 1)
    amounts = tuple(int(n) for pair in reversed(op["amounts"][first:]) for n in pair)
    attributes: dict[str, Literal] = {"mode": op["mode"], "paddings_contiguous": True}
    inputs = [w.plain(x), w.literal(amounts), w.nothing()]
    finish(w, node, w.add("PadV3", inputs, kind_of(node.output), attributes))


@form("DepthToSpace", "SpaceToDepth")
def _blocks(w: Writer, node: Node) -> None:
    op = vars(node.op)
    if op.get("mode", "DCR") != "DCR":
        raise unsupported(node, f"DepthToSpace of mode {op['mode']}")
    attributes: dict[str, Literal] = {"block_size": int(op["block"]), "format": "NCHW", "data_format": "NCHW"}
    kind = image_of(node.output)
    finish(w, node, w.add(node.op.name, [w.nchw(node.input(0))], kind, attributes), image=True)


@form("ResizeBilinear", "ResizeNearest")
def _resize(w: Writer, node: Node) -> None:
    op: Any = node.op
    mode = op.coordinates.value
    if mode not in ("asymmetric", "half_pixel", "align_corners") or op.scales is not None:
        raise unsupported(node, f"resizing with coordinates {mode}")
    primitive = "ResizeBilinearV2" if node.op.name == "ResizeBilinear" else "ResizeNearestNeighborV2"
    flags = [w.literal(mode == "align_corners"), w.literal(mode == "half_pixel")]
    inputs = [w.nchw(node.input(0)), w.literal(tuple(op.size)), *flags]
    finish(w, node, w.add(primitive, inputs, image_of(node.output)), image=True)
