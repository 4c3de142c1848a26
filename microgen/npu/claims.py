"""Which layers an Ethos-U computes with the reference's bytes, when Vela compiles them."""

from __future__ import annotations

from microgen.mindir import DType, Node, Value

_EXACT_TEXT = """
Conv2D DepthwiseConv2D FullyConnected AveragePool2D MaxPool2D Mean Add Sub Mul Minimum Maximum Softmax
Concatenation Pad Slice Split Reshape Squeeze ExpandDims
"""
_EXACT = frozenset(_EXACT_TEXT.split())
_WEIGHTED = frozenset({"Conv2D", "DepthwiseConv2D", "FullyConnected"})
# Those that Vela computes as the reference does only where input and output have one scale and zero point.
_SAME_SCALE = frozenset({"AveragePool2D", "Pad"})


def refusal(node: Node) -> str:
    """Why ``node`` is not for the NPU, "" where it is: an operator in int8 that Vela gives the reference's bytes for.

    Those of which Vela's streams give other bytes (docs/npu.md) are not, nor is anything that is not int8.
    """
    if node.op.name not in _EXACT:
        return f"{node.op.name} is not among the operators that are exact on the NPU"
    variables = [v for v in (*node.inputs, *node.outputs) if v is not None and not v.is_const]
    odd = next((v for v in variables if not _is_int8(v)), None)
    if odd is not None:
        return f"a tensor is {odd.type.dtype}, the NPU path computes quantized int8"
    if not all(v.shape for v in variables):
        return "Vela takes no scalars"
    if node.op.name in _SAME_SCALE and node.input(0).type.quant != node.output.type.quant:
        return "input and output have different scales"
    if node.op.name in _WEIGHTED and _factor(node) > 1.0:
        # The reference shifts to the left first, and wraps; the NPU saturates.
        return "the scale of input times weights is above the output's"
    return ""


def _factor(node: Node) -> float:
    """The largest factor between sums of products and outputs."""
    source, weights, result = (v.type.quant for v in (node.input(0), node.input(1), node.output))
    assert source is not None and weights is not None and result is not None
    return source.scale * max(weights.scales) / result.scale


def _is_int8(value: Value) -> bool:
    return value.type.dtype is DType.INT8 and value.type.quant is not None and value.type.quant.is_per_tensor
