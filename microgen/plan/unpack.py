"""Float constants that are stored as the integers they come from, and made in RAM when the network starts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from microgen.mindir import Array, DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.dequantize import Dequantize

# Weights have no more dimensions, and so many orders of four are quickly tried.
_MOST_DIMENSIONS = 4


def unpacking(source: Graph, graph: Graph) -> tuple[Node, ...]:
    """Nodes that make float constants of ``graph`` from quantized constants of ``source``, the same model before its
    optimization: bit for bit, and in another order of dimensions where a rewrite has rearranged them.

    Constants that a rewrite has changed otherwise, as by folding a factor into them, have none.
    """
    packed: dict[bytes, Value] = {}
    for node in source.nodes:
        if isinstance(node.op, Dequantize) and node.input(0).is_const and node.output.type.dtype is DType.FLOAT32:
            for value in _orders(node.input(0)):
                packed.setdefault(_key(_floats(value)), value)
    nodes = []
    for value in graph.constants():
        found = packed.get(_key(value.const)) if packed and value.type.dtype is DType.FLOAT32 else None
        if found is not None and found.type.nbytes < value.type.nbytes:
            # In the integers' own shape: kernels see elements one after the other.
            node = Node(Dequantize(), (found,), (value,), value.name)
            if not list(op_of(node).problems(node, device=True)):
                nodes.append(node)
    return tuple(nodes)


def _orders(value: Value) -> Iterator[Value]:
    """``value`` and, where it has not too many dimensions, what its transpositions are."""
    yield value
    quant, rank = value.type.quant, len(value.shape)
    if quant is None or rank > _MOST_DIMENSIONS:
        return
    for order in itertools.islice(itertools.permutations(range(rank)), 1, None):
        shape = tuple(value.shape[axis] for axis in order)
        axis = None if quant.axis is None else order.index(quant.axis)
        type_ = TensorType(value.type.dtype, shape, QuantParams(quant.scales, quant.zero_points, axis))
        yield Value(value.name, type_, np.ascontiguousarray(value.const.transpose(order)))


def _floats(value: Value) -> Array:
    node = Node(Dequantize(), (value,), (Value(value.name, TensorType(DType.FLOAT32, value.shape)),), value.name)
    floats: Array = op_of(node).evaluate(node, [value.const[np.newaxis]])[0][0]
    return floats


def _key(data: Array) -> bytes:
    return np.ascontiguousarray(data).tobytes()
