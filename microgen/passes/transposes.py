"""Transposes as values: which are free, how types and constants follow, what becomes of neighbouring ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from microgen.mindir import Graph, Node, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.dequantize import Dequantize
from microgen.ops.layout import Permutation, Permuted, compose, inverse
from microgen.ops.reshape import Reshape
from microgen.ops.transpose import Transpose


def identity(rank: int) -> Permutation:
    """The permutation of ``rank`` dimensions that changes nothing."""
    return tuple(range(rank))


def is_free(shape: Sequence[int], permutation: Permutation) -> bool:
    """Whether ``permutation`` moves only dimensions of length 1, so that the elements keep their order."""
    long = [i for i in permutation if shape[i] > 1]
    return long == sorted(long)


def same_order(shape: Sequence[int], first: Permutation, second: Permutation) -> bool:
    """Whether both permutations of ``shape`` put the elements into the same order."""
    return [i for i in first if shape[i] > 1] == [i for i in second if shape[i] > 1]


def permuted_type(kind: TensorType, permutation: Permutation) -> TensorType:
    """The type of a transposed tensor; an axis of quantization moves along."""
    quant = kind.quant
    if quant is not None and quant.axis is not None:
        quant = dataclasses.replace(quant, axis=permutation.index(quant.axis))
    return TensorType(kind.dtype, tuple(kind.shape[i] for i in permutation), quant)


def lifted_type(kind: TensorType, rank: int) -> TensorType:
    """``kind`` with leading dimensions of 1."""
    lead = rank - len(kind.shape)
    quant = kind.quant
    if quant is not None and quant.axis is not None:
        quant = dataclasses.replace(quant, axis=quant.axis + lead)
    return TensorType(kind.dtype, (1,) * lead + kind.shape, quant)


def permuted_constant(value: Value, permutation: Permutation) -> Value:
    """A constant, given leading dimensions of 1 up to the permutation's rank, transposed."""
    kind = permuted_type(lifted_type(value.type, len(permutation)), permutation)
    data = value.const.reshape((1,) * (len(permutation) - len(value.shape)) + value.shape)
    return Value(value.name, kind, np.ascontiguousarray(data.transpose(permutation)).reshape(kind.shape))


def permuted_view(before: Sequence[int], after: Sequence[int], permutation: Permutation) -> Permutation | None:
    """How a view's result comes out when its source, of shape ``before``, is transposed by ``permutation``.

    None when the result is then no transposition of the present one. Dimensions of length 1 in the result go with the
    long one behind them, those in front stay in front.
    """
    groups = _groups(before, after)
    owner = {i: number for number, (inner, _) in enumerate(groups) for i in inner}
    order = [i for i in permutation if before[i] > 1]
    sequence = list(dict.fromkeys(owner[i] for i in order))
    if order != [i for number in sequence for i in groups[number][0]]:
        return None
    # A dimension that is merged with or split from others comes with them, in their order.
    result: list[int] = []
    first_long = next((i for i, size in enumerate(after) if size > 1), len(after))
    last_long = max((i for i, size in enumerate(after) if size > 1), default=-1)
    result += range(first_long)
    for number in sequence:
        for i in groups[number][1]:
            start = i
            while start - 1 >= first_long and after[start - 1] == 1:
                start -= 1
            result += range(start, i + 1)
    result += range(max(last_long + 1, first_long), len(after))
    return tuple(result)


def _groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The smallest pieces of both shapes that have equal products: (dimensions before, dimensions after), long only."""
    left = [i for i, size in enumerate(before) if size > 1]
    right = [i for i, size in enumerate(after) if size > 1]
    groups = []
    while left:
        inner, outer = [left.pop(0)], [right.pop(0)]
        a, b = before[inner[0]], after[outer[0]]
        while a != b:
            if a < b:
                inner.append(left.pop(0))
                a *= before[inner[-1]]
            else:
                outer.append(right.pop(0))
                b *= after[outer[-1]]
        groups.append((inner, outer))
    return groups


def permuted_node(node: Node, permutation: Permutation) -> Permuted | None:
    """``node``'s operator on rearranged operands; ``permutation`` is that of the first input that is no constant."""
    op = op_of(node)
    if isinstance(op, Transpose):
        turned = compose(compose(inverse(permutation), op.permutation), permutation)
        return Permuted(Transpose(turned), (permutation,), (permutation,))
    if op.is_view:
        before, after = node.input(0).shape, node.output.shape
        result = permuted_view(before, after, permutation)
        if result is None or node.output.type.quant != node.input(0).type.quant or not _per_tensor(node.output):
            return None
        return Permuted(Reshape(tuple(after[i] for i in result)), (permutation,), (result,))
    return op.permuted(node, permutation)


def _inverse(permutation: Permutation) -> Permutation:
    return tuple(permutation.index(i) for i in range(len(permutation)))


def _per_tensor(value: Value) -> bool:
    return value.type.quant is None or value.type.quant.axis is None


def permutation_of(node: Node) -> Permutation:
    """The permutation of a transpose."""
    assert isinstance(node.op, Transpose), node.label
    return node.op.permutation


def is_dequantized_constant(node: Node | None) -> bool:
    """Whether ``node`` reads quantized constants as floats, so that a transpose behind it moves into the constant."""
    return node is not None and isinstance(node.op, Dequantize) and node.input(0).is_const


def transposes(graph: Graph) -> list[Node]:
    """The transposes that move elements at run time."""
    return [
        node
        for node in graph.nodes
        if isinstance(node.op, Transpose)
        and not is_free(node.input(0).shape, node.op.permutation)
        and not is_dequantized_constant(graph.producer(node.input(0)))
    ]


def merge_transposes(graph: Graph) -> bool:
    """Make one transpose of two in a row, and of equal ones of the same value."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, Transpose):
            continue
        inner = graph.producer(node.input(0))
        if inner is not None and isinstance(inner.op, Transpose):
            merged = Transpose(compose(inner.op.permutation, node.op.permutation))
            graph.replace_node(node, dataclasses.replace(node, op=merged, inputs=inner.inputs))
            changed = True
    first: dict[tuple[Value, Permutation], Value] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Transpose):
            continue
        # Earlier replacements may have changed this node's input.
        node = next(n for n in graph.nodes if n.outputs == node.outputs)
        known = first.setdefault((node.input(0), permutation_of(node)), node.output)
        if known is not node.output and known.type == node.output.type and not graph.is_output(node.output):
            graph.replace_value(node.output, known)
            graph.remove_nodes([n for n in graph.nodes if n.outputs == node.outputs])
            changed = True
    return changed


def order_after(value: Value, permutation: Permutation) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """For each element of a tensor of ``value``'s shape, in order, its place in the tensor x that ``value`` is the
    transposition of: ``value == x.transpose(permutation)``.
    """
    source = [0] * len(permutation)
    for i, p in enumerate(permutation):
        source[p] = value.shape[i]
    return np.arange(math.prod(source), dtype=np.int64).reshape(source).transpose(permutation).reshape(-1)
