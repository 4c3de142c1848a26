"""Dense layers: products with constants become such, and transposes before them go into their weights."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import DType, Graph, Node, TensorType, Value
from microgen.ops.add import Add
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, op_of
from microgen.ops.batch_matmul import BatchMatMul
from microgen.ops.binary import Binary
from microgen.ops.convolution import Convolution
from microgen.ops.dequantize import Dequantize
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.layout import Permutation
from microgen.ops.quantize import Quantize
from microgen.ops.reshape import Reshape
from microgen.ops.transpose import Transpose
from microgen.ops.unary import Unary
from microgen.passes.transposes import is_dequantized_constant, is_free, order_after, permutation_of

Places: TypeAlias = NDArray[np.int64]


def dense_from_products(graph: Graph) -> bool:
    """Make a dense layer of a product with a constant matrix, in float or quantized and read as floats."""
    changed = False
    for node in graph.nodes:
        op = node.op
        if not isinstance(op, BatchMatMul) or op.transpose_a:
            continue
        left, right = node.input(0), node.input(1)
        rows, columns = right.shape[-2:]
        if left.type.dtype is not DType.FLOAT32 or left.is_const or right.type.elements != rows * columns:
            continue
        if not _is_weight(graph, right) or len(right.shape) > len(left.shape):
            continue
        nodes: list[Node] = []
        weights = right
        if len(right.shape) > 2:
            weights = _derived(nodes, Reshape((rows, columns)), weights, (rows, columns), "matrix")
        if not op.transpose_b:
            weights = _derived(nodes, Transpose((1, 0)), weights, (columns, rows), "weights")
        dense = Node(FullyConnected(keep_dims=True), (left, weights, None), node.outputs, node.name)
        graph.replace_node(node, *nodes, dense)
        changed = True
    return changed


def _derived(nodes: list[Node], op: Op, source: Value, shape: tuple[int, ...], label: str) -> Value:
    """The result of a new node; what is computed of constants is folded later."""
    value = Value(f"{source.name}/{label}", TensorType(source.type.dtype, shape))
    nodes.append(Node(op, (source,), (value,), value.name))
    return value


def _is_weight(graph: Graph, value: Value) -> bool:
    """Whether ``value`` is a constant or read from a quantized one."""
    return value.is_const or is_dequantized_constant(graph.producer(value))


def biases_from_sums(graph: Graph) -> bool:
    """Make the bias of a layer without one of a quantized constant that is added to its result."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, Add) or node.output.type.dtype is not DType.FLOAT32:
            continue
        for value, bias in (node.inputs, node.inputs[::-1]):
            layer = None if value is None else graph.producer(value)
            if value is None or bias is None or layer is None or not isinstance(layer.op, FullyConnected | Convolution):
                continue
            if layer.op.activation is not Activation.NONE or layer.optional_input(2) is not None or bias.is_const:
                continue
            channels = value.shape[-1]
            fits = (
                bias.shape[-1:] == (channels,) and bias.type.elements == channels and value.shape == node.output.shape
            )
            if not fits or not _is_weight(graph, bias) or graph.sole_user(value) is not node:
                continue
            op = dataclasses.replace(layer.op, activation=node.op.activation)
            merged = Node(op, (*layer.inputs[:2], bias), node.outputs, node.name)
            # The constant may be read only behind the layer.
            graph.remove_nodes([layer])
            graph.replace_node(node, merged)
            changed = True
            break
    return changed


def absorb_swaps(graph: Graph) -> bool:
    """Let a product swap the last two dimensions of an operand itself."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, BatchMatMul):
            continue
        inputs, flags = list(node.inputs), [node.op.transpose_a, node.op.transpose_b]
        for i in (0, 1):
            producer = graph.producer(node.input(i))
            rank = len(node.input(i).shape)
            if producer is None or not isinstance(producer.op, Transpose):
                continue
            if permutation_of(producer) == (*range(rank - 2), rank - 1, rank - 2):
                inputs[i], flags[i] = producer.input(0), not flags[i]
        if tuple(inputs) != node.inputs:
            op = BatchMatMul(*flags)
            graph.replace_node(node, dataclasses.replace(node, op=op, inputs=tuple(inputs)))
            changed = True
    return changed


def absorb_transposes(graph: Graph) -> bool:
    """Rearrange the weights of dense layers instead of what they read."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, Transpose) or is_free(node.input(0).shape, permutation_of(node)):
            continue
        for user in graph.users(node.output):
            permutation = permutation_of(node)
            if absorbs(graph, user, node.output, permutation):
                order = order_after(node.output, permutation)
                _rewrite(graph, user, node.output, node.input(0), order)
                changed = True
    return changed


def absorbs(graph: Graph, user: Node, value: Value, permutation: Permutation) -> bool:
    """Whether everything behind ``user``, up to dense layers, can as well read the tensor that ``value`` is the
    transposition of.
    """
    leaves = _leaves(graph, user, value)
    if not leaves:
        return False
    order = order_after(value, permutation)
    return all(_columns(leaf, order) is not None for leaf in leaves)


def _leaves(graph: Graph, user: Node, value: Value) -> list[Node] | None:
    """The dense layers that ``user``, reading ``value``, feeds through elementwise operators and views.

    None where something else reads the values between.
    """
    op = op_of(user)
    if isinstance(op, FullyConnected):
        others = user.inputs[1:]
        return [user] if all(v is None or v.is_const for v in others) else None
    if not (op.is_view or _is_elementwise(user, value)) or graph.is_output(user.output):
        return None
    if op.is_view and user.output.type.quant != value.type.quant:
        return None
    leaves: list[Node] = []
    for following in graph.users(user.output):
        found = _leaves(graph, following, user.output)
        if found is None:
            return None
        leaves += found
    return leaves


def _is_elementwise(node: Node, value: Value) -> bool:
    if isinstance(node.op, Unary | Quantize | Dequantize):
        return True
    if not isinstance(node.op, Binary) or node.output.type.elements != value.type.elements:
        return False
    constants = [v for v in node.inputs if v is not None and v.is_const]
    sizes = (1, value.type.elements)
    return len(constants) == 1 and value in node.inputs and constants[0].type.elements in sizes


def _columns(leaf: Node, order: Places) -> Places | None:
    """The column that each of a dense layer's columns becomes; None when values change rows."""
    depth = leaf.input(1).shape[1]
    rows = order.reshape(-1, depth) - np.arange(order.size // depth, dtype=np.int64)[:, None] * depth
    columns = rows[0]
    inside = columns.min() >= 0 and columns.max() < depth
    return columns if inside and bool((rows == columns).all()) else None


def _rewrite(graph: Graph, user: Node, old: Value, new: Value, order: Places) -> None:
    """Let ``user`` and all behind it read ``new``, whose element ``order[i]`` is element i of ``old``."""
    op = op_of(user)
    if op.is_view:
        for following in graph.users(user.output):
            _rewrite(graph, following, user.output, new, order)
        graph.remove_nodes([n for n in graph.nodes if n.outputs == user.outputs])
        return
    if isinstance(op, FullyConnected):
        columns = _columns(user, order)
        assert columns is not None
        weights = user.input(1)
        data = np.empty_like(weights.const)
        data[:, columns] = weights.const
        shaped = Value(f"{new.name}/rows", TensorType(new.type.dtype, old.shape, new.type.quant))
        view = Node(Reshape(old.shape), (new,), (shaped,), shaped.name)
        inputs = (shaped, dataclasses.replace(weights, data=data), *user.inputs[2:])
        graph.replace_node(user, view, dataclasses.replace(user, inputs=inputs))
        return
    result = user.output
    moved = Value(result.name, TensorType(result.type.dtype, new.shape, result.type.quant))
    inputs = tuple(new if v is old else _rearranged(v, old, new, order) for v in user.inputs)
    for following in graph.users(result):
        _rewrite(graph, following, result, moved, order)
    graph.replace_node(user, Node(op, inputs, (moved,), user.name))


def _rearranged(constant: Value | None, old: Value, new: Value, order: Places) -> Value | None:
    """A constant beside ``old`` as it stands beside ``new``."""
    if constant is None:
        return None
    kind = constant.type
    if kind.elements == 1:
        return Value(constant.name, TensorType(kind.dtype, (), kind.quant), constant.const.reshape(()))
    data = np.empty(new.type.elements, kind.dtype.numpy)
    data[order] = np.broadcast_to(constant.const, old.shape).reshape(-1)
    return Value(constant.name, TensorType(kind.dtype, new.shape, kind.quant), data.reshape(new.shape))
