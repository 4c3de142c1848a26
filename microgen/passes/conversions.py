"""Dequantize and Quantize move through operators that only move values, and behind clamps, to what computes.

Values keep their scale and zero point there, so that nothing changes but the element type that is moved.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import DType, Graph, Node, Operator, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.dequantize import Dequantize
from microgen.ops.pad import Pad
from microgen.ops.quantize import Quantize
from microgen.ops.reshape import View
from microgen.ops.transpose import Transpose
from microgen.passes.transposes import permuted_type

# Operators, by name, whose results are elements of their inputs, chosen without regard to the values or by their order
# alone: scale and zero point go through them unchanged.
_MOVES = frozenset(
    (
        "BroadcastTo",
        "Concatenation",
        "DepthToSpace",
        "Gather",
        "GatherElements",
        "GatherND",
        "MaxPool2D",
        "MirrorPad",
        "Pad",
        "ReduceMax",
        "ReduceMin",
        "ResizeNearest",
        "Reverse",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Tile",
        "Transpose",
    )
)


def quantized_source(graph: Graph, value: Value | None) -> Value | None:
    """The quantized tensor whose numbers ``value`` holds in float."""
    producer = None if value is None else graph.producer(value)
    return (
        producer.input(0) if producer is not None and isinstance(producer.op, Dequantize) and producer.op.qdq else None
    )


def move_conversions(graph: Graph) -> bool:
    """Let operators that only move values work on the quantized ones, and clamps behind Quantize."""
    changed = False
    for node in graph.nodes:
        current = next((n for n in graph.nodes if n.outputs == node.outputs), None)
        if current is None or not (op_of(current).is_view or op_of(current).name in _MOVES):
            continue
        changed = _sink_dequantize(graph, current) or _hoist_quantize(graph, current) or changed
    return _clamp_behind_quantize(graph) | _cancel(graph) | changed


def _moving_rule(node: Node) -> tuple[int, ...] | None:
    """The inputs of an operator that moves values which hold those; None when a filler cannot be quantized."""
    rule = op_of(node).quant_rule(node)
    untouched = frozenset() if rule is None else rule.untouched
    if isinstance(node.op, Pad) and node.op.fill is not None and node.op.fill != 0:
        return None
    return tuple(i for i, v in enumerate(node.inputs) if v is not None and i not in untouched)


def _on_integers(op: Operator) -> Operator:
    """``op`` on quantized values: a border of zeros, which has been made sure of, is one of zero points."""
    return dataclasses.replace(op, fill=None) if isinstance(op, Pad) else op


def _sink_dequantize(graph: Graph, node: Node) -> bool:
    """Dequantize, then move: as well the other way round."""
    moved = _moving_rule(node)
    if not moved or any(value.type.dtype is not DType.FLOAT32 for value in node.outputs):
        return False
    sources = [quantized_source(graph, node.input(i)) for i in moved]
    quants = {None if s is None else s.type.quant for s in sources}
    kinds = {None if s is None else s.type.dtype for s in sources}
    if None in quants or None in kinds or len(quants) > 1 or len(kinds) > 1:
        return False
    (quant,), (dtype,) = quants, kinds
    assert quant is not None and dtype is not None
    inputs = list(node.inputs)
    for i, source in zip(moved, sources, strict=True):
        inputs[i] = source
    results = []
    for value in node.outputs:
        kind = _moved_type(node, sources[0], dtype, value)
        if kind is None:
            return False
        results.append(Value(f"{value.name}/quantized", kind))
    inner = Node(_on_integers(node.op), tuple(inputs), tuple(results), node.name)
    conversions = [
        Node(Dequantize(qdq=True), (result,), (value,), f"{value.name}/dequantize")
        for value, result in zip(node.outputs, results, strict=True)
    ]
    constant = _folded(inner)
    if constant is not None:
        inner, conversions = conversions[0], []
        inner = dataclasses.replace(inner, inputs=(constant,))
    elif not is_valid(inner):
        return False
    graph.replace_node(node, inner, *conversions)
    return True


def _moved_type(node: Node, source: Value | None, dtype: DType, value: Value) -> TensorType | None:
    """The type of the quantized ``value``; None when an axis of quantization does not come out as one."""
    assert source is not None
    quant = source.type.quant
    if quant is None or quant.axis is None:
        return TensorType(dtype, value.shape, quant)
    if isinstance(node.op, Transpose):
        return permuted_type(source.type, node.op.permutation)
    if not isinstance(node.op, View):
        return None
    outer = math.prod(source.shape[: quant.axis])
    for axis, length in enumerate(value.shape):
        if length == len(quant.scales) and math.prod(value.shape[:axis]) == outer:
            return TensorType(dtype, value.shape, dataclasses.replace(quant, axis=axis))
    return None


def _folded(node: Node) -> Value | None:
    """The result of a move of one constant, whatever its quantization and element type."""
    if len(node.outputs) != 1 or not all(v is None or v.is_const for v in node.inputs):
        return None
    if not isinstance(node.op, Transpose | View):
        return None
    data = node.input(0).const
    result = data.transpose(node.op.permutation) if isinstance(node.op, Transpose) else data
    result = np.ascontiguousarray(result).reshape(node.output.shape)
    return dataclasses.replace(node.output, data=result)


def is_valid(node: Node) -> bool:
    """Whether ``node`` obeys its operator's rules."""
    try:
        op_of(node).check(node)
    except VerifyError:
        return False
    return True


def _hoist_quantize(graph: Graph, node: Node) -> bool:
    """Move, then quantize: as well the other way round, where nothing else reads the float values."""
    moved = _moving_rule(node)
    if not moved or len(node.outputs) != 1 or any(node.input(i).is_const for i in moved):
        return False
    user = graph.sole_user(node.output)
    if user is None or not isinstance(user.op, Quantize) or node.output.type.dtype is not DType.FLOAT32:
        return False
    if any(graph.producer(node.input(i)) is None or graph.sole_user(node.input(i)) is None for i in moved):
        return False
    kind = user.output.type
    if kind.quant is None or not kind.quant.is_per_tensor:
        return False
    inputs = list(node.inputs)
    conversions = []
    for i in moved:
        value = node.input(i)
        quantized = Value(f"{value.name}/quantized", TensorType(kind.dtype, value.shape, kind.quant))
        conversion = Node(Quantize(kind.dtype), (value,), (quantized,), f"{value.name}/quantize")
        # From integers to integers no float is needed.
        source = quantized_source(graph, value)
        whole = conversion if source is None else dataclasses.replace(conversion, inputs=(source,))
        conversions.append(whole if is_valid(whole) else conversion)
        inputs[i] = quantized
    inner = Node(_on_integers(node.op), tuple(inputs), user.outputs, node.name)
    if not is_valid(inner):
        return False
    graph.remove_nodes([user])
    graph.replace_node(node, *conversions, inner)
    return True


def _clamp_behind_quantize(graph: Graph) -> bool:
    """Clamp, then quantize: as well the other way round, for both round to the same steps."""
    changed = False
    for node in graph.nodes:
        if op_of(node).as_clamp(node) is None or node.output.type.dtype is not DType.FLOAT32:
            continue
        user = graph.sole_user(node.output)
        if user is None or not isinstance(user.op, Quantize) or user.output.type.dtype is not DType.INT8:
            continue
        value = node.input(0)
        if quantized_source(graph, value) is not None:
            continue  # becomes an int8 operator as it stands
        quantized = Value(f"{value.name}/quantized", user.output.type)
        inner = Node(node.op, (quantized,), user.outputs, node.name)
        if not is_valid(inner):
            continue
        graph.remove_nodes([user])
        graph.replace_node(node, Node(user.op, (value,), (quantized,), user.name), inner)
        changed = True
    return changed


def _cancel(graph: Graph) -> bool:
    """Drop a Quantize to the type that its input was dequantized from; to another type, leave out the float between."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, Quantize):
            continue
        source = quantized_source(graph, node.input(0))
        if source is None:
            continue
        if source.type != node.output.type:
            direct = dataclasses.replace(node, inputs=(source,))
            if source.type.dtype is node.output.type.dtype is DType.INT8 and is_valid(direct):
                graph.replace_node(node, direct)
                changed = True
            continue
        if graph.is_output(node.output):
            continue
        graph.replace_value(node.output, source)
        graph.remove_nodes([n for n in graph.nodes if n.outputs == node.outputs])
        changed = True
    return changed
