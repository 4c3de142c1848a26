"""What a model needs so that Vela gives it the multipliers of the reference interpreter.

For FULLY_CONNECTED Vela multiplies the scales of input and weights in single precision (as TensorFlow Lite once did),
the reference interpreter for microcontrollers in double: a result in a hundred thousand then differs by one. For
CONV_2D Vela multiplies in double precision too, and to the NPU a fully connected layer is a 1x1 convolution anyway.
"""

from __future__ import annotations

import numpy as np

from microgen.arith import quantize_multiplier
from microgen.errors import MicrogenError
from microgen.exporters import tflite as exporter
from microgen.frontends import tflite as frontend
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value, verify
from microgen.npu.compiled import ports
from microgen.ops.base import Op
from microgen.ops.conv2d import Conv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.reshape import Reshape


def prepared(model: bytes) -> bytes:
    """The .tflite file for Vela; ``model`` itself where nothing is to be done or microgen does not know all of it."""
    try:
        graph = frontend.load(model)
    except MicrogenError:
        return model  # 16-bit layers and the like: what can be done with them Vela says
    changed = graph.copy()
    nodes = [node for node in graph.nodes if isinstance(node.op, FullyConnected) and _multipliers_differ(node)]
    for node in nodes:
        changed.replace_node(node, *_as_convolution(node))
    if not nodes:
        return model
    verify(changed)
    return _saved(changed, model)


def _saved(graph: Graph, model: bytes) -> bytes:
    try:
        saved = exporter.save(graph, int4=False)
    except MicrogenError:
        return model  # read but not written: an operator of another format version
    sides = ([[(port.shape, port.kind) for port in side] for side in ports(data)] for data in (saved, model))
    assert next(sides) == next(sides), "the exporter keeps inputs and outputs"
    return saved


def _multipliers_differ(node: Node) -> bool:
    """Whether one of the layer's multipliers depends on the precision in which the scales are multiplied."""
    source, weights, result = node.input(0).type, node.input(1), node.output.type
    quant = weights.type.quant
    if source.dtype is not DType.INT8 or source.quant is None or quant is None or result.quant is None:
        return False
    if not weights.is_const or any(quant.zero_points):
        return False
    (given,), (wanted,) = source.quant.scales, result.quant.scales
    for scale in quant.scales:
        single = float(np.float32(given) * np.float32(scale))
        try:
            if quantize_multiplier(single / wanted) != quantize_multiplier(given * scale / wanted):
                return True
        except ValueError:
            return False  # too large for the NPU as well
    return False


def _as_convolution(node: Node) -> list[Node]:
    """The layer as a 1x1 convolution over an image of one column."""
    op = node.op
    assert isinstance(op, FullyConnected)
    source, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    units, depth = weights.shape
    rows, size = source.type.elements // depth, (units, 1, 1, depth)
    image = _value(node, "image", source.type, (1, rows, 1, depth))
    filter_ = Value(f"{node.name}/filter", _moved(weights.type, size), weights.const.reshape(size))
    convolved = _value(node, "convolved", node.output.type, (1, rows, 1, units))
    if bias is not None and bias.is_const and bias.shape != (units,):
        bias = Value(f"{node.name}/bias", _moved(bias.type, (units,)), bias.const.reshape(units))
    steps: list[tuple[Op, tuple[Value | None, ...], Value]] = [
        (Reshape(image.shape), (source,), image),
        (Conv2D(activation=op.activation), (image, filter_, bias), convolved),
        (Reshape(node.output.shape), (convolved,), node.output),
    ]
    return [Node(step, inputs, (output,), node.name) for step, inputs, output in steps]


def _value(node: Node, label: str, like: TensorType, shape: tuple[int, ...]) -> Value:
    return Value(f"{node.name}/{label}", _moved(like, shape))


def _moved(kind: TensorType, shape: tuple[int, ...]) -> TensorType:
    """The type with another shape; a scale for each channel stays with the first dimension."""
    quant = kind.quant
    if quant is not None and quant.axis is not None:
        quant = QuantParams(quant.scales, quant.zero_points, 0)
    return TensorType(kind.dtype, shape, quant)
