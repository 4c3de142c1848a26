"""Which layers the TOSA route computes with the reference's bytes."""

from __future__ import annotations

from microgen.mindir import DType, Node, Value
from microgen.ops.attributes import Activation

# Measured over the operators' samples: docs/tosa.md.
_EXACT_TEXT = """
Conv2D DepthwiseConv2D FullyConnected AveragePool2D MaxPool2D Mean ReduceMax Add Sub Mul Minimum Maximum Softmax
HardSwish Relu Relu6 Concatenation Pad MirrorPad Slice Split Transpose SpaceToDepth DepthToSpace BroadcastTo
Reshape Squeeze ExpandDims
"""
_EXACT = frozenset(_EXACT_TEXT.split())
_WEIGHTED = frozenset({"Conv2D", "DepthwiseConv2D", "FullyConnected"})
_POOLING = frozenset({"AveragePool2D", "MaxPool2D"})
# Those that the converter takes only where input and output have one scale and zero point.
_SAME_SCALE = frozenset({*_POOLING, "Pad"})


def refusal(node: Node) -> str:
    """Why ``node`` is not for the TOSA route, "" where it is: an operator in int8 that gives the reference's bytes."""
    if node.op.name not in _EXACT:
        return f"{node.op.name} is not among the operators that are exact as TOSA"
    variables = [v for v in (*node.inputs, *node.outputs) if v is not None and not v.is_const]
    odd = next((v for v in variables if not _is_int8(v)), None)
    if odd is not None:
        return f"a tensor is {odd.type.dtype}, the TOSA path computes quantized int8"
    if node.op.name in _POOLING and getattr(node.op, "activation", Activation.NONE) is not Activation.NONE:
        return "the converter to TOSA drops the activation of a pooling"
    if any(step != 1 for step in getattr(node.op, "stride", ())) and node.op.name == "Slice":
        return "the converter to TOSA takes no slices with steps"
    if node.op.name == "Softmax" and getattr(node.op, "beta", 1.0) != 1.0:
        return "the converter to TOSA takes no beta"
    if node.op.name in _SAME_SCALE and node.input(0).type.quant != node.output.type.quant:
        return "input and output have different scales"
    if node.op.name in _WEIGHTED and _factor(node) > 1.0:
        # The reference shifts to the left first, and wraps; TOSA calls that unpredictable.
        return "the scale of input times weights is above the output's"
    return ""


def _factor(node: Node) -> float:
    """The largest factor between sums of products and outputs."""
    source, weights, result = (v.type.quant for v in (node.input(0), node.input(1), node.output))
    assert source is not None and weights is not None and result is not None
    return source.scale * max(weights.scales) / result.scale


def _is_int8(value: Value) -> bool:
    return value.type.dtype is DType.INT8 and value.type.quant is not None and value.type.quant.is_per_tensor
