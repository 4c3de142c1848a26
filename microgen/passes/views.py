"""Dimensions of length 1 that come and go: operators between work on the longer shape, so that views meet and merge.

One-dimensional convolutions are two-dimensional ones with a height of 1; what stands between two of them then needs no
change of shape, and clamps and pads reach the convolution that they fuse with.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from microgen.mindir import Graph, Node, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.binary import Binary
from microgen.ops.concatenation import Concatenation
from microgen.ops.convolution import Convolution
from microgen.ops.mean import Mean
from microgen.ops.pad import Pad
from microgen.ops.reshape import Reshape
from microgen.ops.slice import Slice
from microgen.ops.unary import Unary


def sink_views(graph: Graph) -> bool:
    """Change the shape behind a function of single elements instead of before it."""
    changed = False
    for node in graph.nodes:
        # Nodes before this one may have changed its input.
        current = graph.producer(node.outputs[0])
        index = None if current is None else _elements_of(current)
        view = None if current is None or index is None else graph.producer(current.input(index))
        if (
            current is None
            or index is None
            or view is None
            or not op_of(view).is_view
            or graph.sole_user(view.output) is None
        ):
            continue
        source, result = view.input(0), current.output
        if graph.producer(source) is None or source.type.quant != view.output.type.quant:
            continue
        kind = TensorType(result.type.dtype, source.shape, result.type.quant)
        value = Value(f"{result.name}/elements", kind)
        inputs = [None if v is None else _reshaped_constant(v, ()) if v.is_const else v for v in current.inputs]
        inputs[index] = source
        graph.remove_nodes([view])
        graph.replace_node(
            current,
            Node(current.op, tuple(inputs), (value,), current.name),
            Node(Reshape(result.shape), (value,), (result,), result.name),
        )
        changed = True
    return changed


def _elements_of(node: Node) -> int | None:
    """The input that ``node`` computes a function of element by element, beside single constants; None without one."""
    if isinstance(node.op, Unary):
        return 0
    if not isinstance(node.op, Binary):
        return None
    others = [i for i in (0, 1) if not node.input(i).is_const]
    if len(others) != 1 or node.input(1 - others[0]).type.elements != 1:
        return None
    return others[0] if node.input(others[0]).shape == node.output.shape else None


def sink_squeezes(graph: Graph) -> bool:
    """Drop dimensions of length 1 behind an operator instead of before it."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, Unary | Binary | Pad | Slice | Concatenation | Mean) or len(node.outputs) != 1:
            continue
        current = next(n for n in graph.nodes if n.outputs == node.outputs)
        gaps = _gaps(graph, current)
        lifted = None if gaps is None else _lifted(current, gaps)
        if gaps is None or lifted is None:
            continue
        _rewrite(graph, current, lifted, gaps)
        changed = True
    return changed


def hoist_unsqueezes(graph: Graph) -> bool:
    """Move dimensions of length 1 before a pad instead of behind it, where its convolution has them."""
    changed = False
    for node in graph.nodes:
        view = graph.sole_user(node.output) if isinstance(node.op, Pad) else None
        if view is None or not op_of(view).is_view or not isinstance(node.op, Pad):
            continue
        after = view.output.shape
        user = graph.sole_user(view.output)
        if _dropped(after, node.output.shape) is None and not (user is not None and isinstance(user.op, Convolution)):
            continue
        places = _places(node.output.shape, after)
        if places is None or view.output.type.quant != node.output.type.quant:
            continue
        source = node.input(0)
        shape = tuple(1 if place is None else source.shape[place] for place in places)
        longer = Value(f"{source.name}/lifted", TensorType(source.type.dtype, shape, source.type.quant))
        amounts = tuple((0, 0) if place is None else node.op.amounts[place] for place in places)
        op = dataclasses.replace(node.op, amounts=amounts)
        graph.remove_nodes([view])
        graph.replace_node(
            node,
            Node(Reshape(shape), (source,), (longer,), longer.name),
            Node(op, (longer,), view.outputs, node.name),
        )
        changed = True
    return changed


def _places(before: tuple[int, ...], after: tuple[int, ...]) -> list[int | None] | None:
    """Where each dimension of ``after`` comes from: None for a new one of length 1. None when dimensions of other
    lengths are not the same ones in the same order.
    """
    kept = [i for i, size in enumerate(before) if size != 1]
    if [before[i] for i in kept] != [size for size in after if size != 1]:
        return None
    rest = iter(kept)
    return [None if size == 1 else next(rest) for size in after]


def _squeezed(graph: Graph, value: Value) -> tuple[int, ...] | None:
    """The dimensions of length 1 that a view drops to give ``value``; None when something else computes it."""
    node = graph.producer(value)
    if (
        node is None
        or not op_of(node).is_view
        or node.input(0).is_const
        or node.input(0).type.quant != value.type.quant
    ):
        return None
    if graph.producer(node.input(0)) is None:
        return None  # views of inputs come first as well
    return _dropped(node.input(0).shape, value.shape)


def _dropped(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...] | None:
    """The dimensions of length 1 that ``after`` lacks of ``before``; None when that is not the difference."""
    gaps, place = [], 0
    for i, size in enumerate(before):
        if place < len(after) and after[place] == size:
            place += 1
        elif size == 1:
            gaps.append(i)
        else:
            return None
    return tuple(gaps) if gaps and place == len(after) else None


def _gaps(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The dimensions that inputs of ``node`` have lost, the same for all that have."""
    # A scalar operand stays one, whatever it was made of.
    found = [g for v in node.inputs if v is not None and v.shape and (g := _squeezed(graph, v)) is not None]
    rank = len(node.output.shape)
    if not found or any(g != found[0] for g in found):
        return None
    operands = [v for v in node.inputs if v is not None]
    # An operand of lower rank would lie across the new dimensions.
    if not isinstance(node.op, Mean) and any(len(v.shape) not in (0, rank) for v in operands if not v.is_const):
        return None
    return found[0]


def _lifted(node: Node, gaps: tuple[int, ...]) -> Any:
    """``node``'s operator on operands with dimensions of length 1 at ``gaps``; None when there is none."""
    op: Any = node.op
    source = node.input(0)
    places = [i for i in range(len(source.shape) + len(gaps)) if i not in gaps]
    if isinstance(op, Unary | Binary):
        return op
    if isinstance(op, Pad):
        return dataclasses.replace(op, amounts=_spread(op.amounts, gaps, (0, 0)))
    if isinstance(op, Slice):
        if op.dropped:
            return None
        begin, size, stride = (_spread(v, gaps, f) for v, f in ((op.begin, 0), (op.size, 1), (op.stride, 1)))
        return dataclasses.replace(op, begin=begin, size=size, stride=stride)
    if isinstance(op, Concatenation):
        return dataclasses.replace(op, axis=places[op.axis % len(source.shape)])
    return dataclasses.replace(op, axes=tuple(places[a] for a in op.axes))


def _spread(values: tuple[Any, ...], gaps: tuple[int, ...], fill: Any) -> tuple[Any, ...]:
    """``values``, one for each dimension, with ``fill`` at ``gaps``."""
    result = list(values)
    for gap in gaps:
        result.insert(gap, fill)
    return tuple(result)


def _rewrite(graph: Graph, node: Node, op: Any, gaps: tuple[int, ...]) -> None:
    nodes: list[Node] = []
    inputs: list[Value | None] = []
    for value in node.inputs:
        if value is None or not value.shape:
            inputs.append(value)
            continue
        rank = len(node.output.shape) if not isinstance(node.op, Mean) else len(value.shape)
        shape = _spread((1,) * (rank - len(value.shape)) + value.shape, gaps, 1)
        producer = graph.producer(value)
        if value.is_const:
            inputs.append(_reshaped_constant(value, shape))
        elif _squeezed(graph, value) == gaps and producer is not None:
            inputs.append(producer.input(0))
        else:
            longer = Value(f"{value.name}/lifted", TensorType(value.type.dtype, shape, value.type.quant))
            nodes.append(Node(Reshape(shape), (value,), (longer,), longer.name))
            inputs.append(longer)
    draft = Node(op, tuple(inputs), (), node.name)
    ((dtype, shape),) = op_of(dataclasses.replace(draft, op=op)).infer(draft)
    result = Value(f"{node.output.name}/lifted", TensorType(dtype, shape, node.output.type.quant))
    nodes.append(dataclasses.replace(draft, outputs=(result,)))
    nodes.append(Node(Reshape(node.output.shape), (result,), node.outputs, node.output.name))
    graph.replace_node(node, *nodes)


def _reshaped_constant(value: Value, shape: tuple[int, ...]) -> Value:
    quant = value.type.quant
    if quant is not None and quant.axis is not None:
        return value
    return Value(value.name, TensorType(value.type.dtype, shape, quant), np.reshape(value.const, shape))
