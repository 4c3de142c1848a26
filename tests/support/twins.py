"""The float self of a quantized one-node graph: the same operator on the numbers that its integers stand for."""

from __future__ import annotations

import numpy as np

from microgen.mindir import Array, DType, Graph, Node, TensorType, Value
from microgen.ops.base import op_of


def real(value: Value, array: Array) -> Array:
    """The numbers that a quantized value's ``array`` stands for, as float32; others as they are."""
    quant = value.type.quant
    if quant is None:
        return array
    shape = [1] * array.ndim
    if quant.axis is not None:
        shape[quant.axis - len(value.shape)] = -1
    scales, zeros = np.array(quant.scales).reshape(shape), np.array(quant.zero_points).reshape(shape)
    return np.asarray((array.astype(np.float64) - zeros) * scales, np.float32)


def float_twin(graph: Graph) -> Graph:
    """``graph``, of one node, with float32 in place of everything quantized; VerifyError where that cannot be."""
    (node,) = graph.nodes

    def twin(value: Value) -> Value:
        if value.type.quant is None:
            return value
        data = real(value, value.const) if value.is_const else None
        return Value(value.name, TensorType(DType.FLOAT32, value.shape), data)

    twins = {value: twin(value) for value in graph.values()}
    operands = tuple(None if value is None else twins[value] for value in node.inputs)
    plain = Node(node.op, operands, tuple(twins[value] for value in node.outputs), node.name)
    op_of(plain).check(plain)
    outputs = [twins[value] for value in graph.outputs]
    return Graph(graph.name, [twins[value] for value in graph.inputs], outputs, [plain])
