"""Float factors between quantized tensors that int8 operators can take over without loss.

Quantizers leave some of a network in float: batch normalizations that belong to no convolution, the factor inside of
a decomposed GELU. One factor for a tensor, or one for a channel, is 127 steps of a scale of its own.
"""

from __future__ import annotations

import numpy as np

from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.dequantize import Dequantize
from microgen.ops.mul import Mul
from microgen.ops.quantization import QuantRule
from microgen.ops.quantize import Quantize
from microgen.ops.unary import Unary
from microgen.passes.conversions import is_valid, quantized_source

_LARGEST = 127
# Biases have fewer steps than that.
_BIAS_STEPS = 1 << 30


def exact_weights(node: Node, rule: QuantRule, source: Value | None) -> Value | None:
    """The float weights of ``node`` in int8, one for each output channel; None when there are more, or not constant.

    ``source`` is the int8 input. A weight is too small for 127 steps where its bias would not fit into int32 then.
    """
    if rule.weights is None or rule.weights.channel_axis is None or source is None:
        return None
    if source.type.quant is None or not source.type.quant.is_per_tensor:
        return None
    weights = node.input(rule.weights.index)
    bias = None if rule.bias is None else node.optional_input(rule.bias)
    axis = rule.weights.channel_axis
    if not weights.is_const or weights.type.dtype is not DType.FLOAT32 or len(weights.shape) <= axis:
        return None
    if weights.type.elements != weights.shape[axis] or not np.isfinite(weights.const).all():
        return None
    factors = weights.const.astype(np.float64).reshape(-1)
    scales = np.abs(factors) / _LARGEST
    if bias is not None:
        if not bias.is_const or bias.type.dtype is not DType.FLOAT32 or bias.type.elements != len(factors):
            return None
        scales = np.maximum(scales, np.abs(bias.const.reshape(-1)) / source.type.quant.scale / _BIAS_STEPS)
    rounded = np.where(scales > np.finfo(np.float32).tiny, scales, 1.0).astype(np.float32).astype(np.float64)
    if not np.isfinite(rounded).all():
        return None
    steps = np.clip(np.rint(factors / rounded), -_LARGEST, _LARGEST).astype(np.int8).reshape(weights.shape)
    quant = QuantParams(tuple(map(float, rounded)), (0,) * len(rounded), axis if len(rounded) > 1 else None)
    return Value(f"{weights.name}/quantized", TensorType(DType.INT8, weights.shape, quant), steps)


def rescaled_operand(graph: Graph, node: Node) -> tuple[Node, ...]:
    """Nodes for a positive constant factor between a Dequantize and a function whose result is quantized: they change
    the scale and leave the integers as they are, so that the function becomes an int8 one. Empty in any other case.
    """
    if not isinstance(node.op, Mul) or node.output.type.dtype is not DType.FLOAT32:
        return ()
    user = graph.sole_user(node.output)
    if user is None or not isinstance(user.op, Unary) or op_of(user).quant_rule(user) is None:
        return ()
    readers = graph.users(user.output)
    if not readers or graph.is_output(user.output) or not all(isinstance(n.op, Quantize) for n in readers):
        return ()
    for value, factor in ((node.input(0), node.input(1)), (node.input(1), node.input(0))):
        source = quantized_source(graph, value)
        if source is None or source.type.dtype is not DType.INT8 or source.shape != node.output.shape:
            continue
        quant = source.type.quant
        if quant is None or not quant.is_per_tensor or not factor.is_const or factor.type.elements != 1:
            continue
        real = float(factor.const.reshape(-1)[0])
        # Far from the borders of single precision.
        if not (1e-30 < real < 1e30 and 1e-30 < real * quant.scale < 1e30):
            continue
        step = QuantParams.per_tensor(float(np.float32(real / _LARGEST)), 0)
        kind = TensorType(DType.INT8, source.shape, QuantParams.per_tensor(real * quant.scale, quant.zero_point))
        steps = Value(
            f"{node.output.name}/factor",
            TensorType(DType.INT8, factor.shape, step),
            np.full(factor.shape, _LARGEST, np.int8),
        )
        result = Value(f"{node.output.name}/quantized", kind)
        scaled = Node(node.op, (source, steps), (result,), node.name)
        if is_valid(scaled):
            return scaled, Node(Dequantize(qdq=True), (result,), (node.output,), f"{node.output.name}/dequantize")
    return ()
