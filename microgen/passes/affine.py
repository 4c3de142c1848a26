"""Scales and shifts by constants: into the filters and biases around them, or merged with each other.

A chain is a run of float Mul, Add, Sub and Div with one constant each, every one read by the next alone. Together they
are ``scale · x + shift``; batch normalization is such a chain. All results agree within float rounding.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import DType, Graph, Node, TensorType, Value
from microgen.ops.add import Add
from microgen.ops.attributes import NO_PADDING, Activation
from microgen.ops.conv2d import Conv2D
from microgen.ops.convolution import Convolution
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.div import Div
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.mul import Mul
from microgen.ops.sub import Sub
from microgen.ops.transpose_conv2d import TransposeConv2D

Reals: TypeAlias = NDArray[np.float64]

_WEIGHTED = (Convolution, FullyConnected, TransposeConv2D)


@dataclass(frozen=True, slots=True)
class Chain:
    """``scale · source + shift``, computed by ``nodes`` in order; both factors broadcast to the source's shape."""

    source: Value
    scale: Reals
    shift: Reals
    nodes: tuple[Node, ...]

    @property
    def last(self) -> Node:
        """The node that computes the result."""
        return self.nodes[-1]

    @property
    def activation(self) -> Activation:
        """The clamp behind the chain."""
        return _activation(self.last)


def _activation(node: Node) -> Activation:
    found = vars(node.op).get("activation", Activation.NONE)
    assert isinstance(found, Activation)
    return found


def _step(node: Node) -> Chain | None:
    """``node`` alone as a chain; None when it is none."""
    if not isinstance(node.op, Mul | Add | Sub | Div) or node.output.type.dtype is not DType.FLOAT32:
        return None
    constants = [i for i in (0, 1) if node.input(i).is_const]
    if len(constants) != 1:
        return None
    source, constant = node.input(1 - constants[0]), node.input(constants[0])
    if source.shape != node.output.shape:
        return None
    c = constant.const.astype(np.float64)
    one, zero = np.ones(()), np.zeros(())
    if isinstance(node.op, Mul):
        scale, shift = c, zero
    elif isinstance(node.op, Add):
        scale, shift = one, c
    elif isinstance(node.op, Sub):
        scale, shift = (one, -c) if constants[0] == 1 else (-one, c)
    else:
        if constants[0] == 0 or np.any(c == 0):
            return None
        scale, shift = 1.0 / c, zero
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        return None
    return Chain(source, scale, shift, (node,))


def _chain_to(graph: Graph, node: Node) -> Chain | None:
    """The longest chain that ends with ``node``; None when there is none or it goes on behind."""
    chain = _step(node)
    if chain is None:
        return None
    user = graph.sole_user(node.output)
    if user is not None and _activation(node) is Activation.NONE and _step(user) is not None:
        return None
    while True:
        inner = graph.producer(chain.source)
        step = None if inner is None else _step(inner)
        if inner is None or step is None or _activation(inner) is not Activation.NONE:
            return chain
        if graph.sole_user(chain.source) is None:
            return chain
        shift = chain.scale * step.shift + chain.shift
        chain = Chain(step.source, chain.scale * step.scale, shift, (*step.nodes, *chain.nodes))


def _chains(graph: Graph) -> list[Chain]:
    return [chain for node in graph.nodes if (chain := _chain_to(graph, node)) is not None]


def _per_channel(factor: Reals, shape: tuple[int, ...]) -> Reals | None:
    """``factor`` as one number for each entry of the last dimension; None when it varies along another."""
    if not shape or any(size != 1 for size in factor.shape[:-1]):
        return None
    return np.broadcast_to(factor.reshape(factor.shape[-1:]), shape[-1:])


def _constant(name: str, data: Reals) -> Value:
    array = np.asarray(data, dtype=np.float32).copy()
    return Value(name, TensorType(DType.FLOAT32, array.shape), array)


def _is_weighted(graph: Graph, node: Node | None) -> bool:
    """Whether ``node`` has a constant float filter and bias that nothing clamps yet or rounds."""
    if node is None or not isinstance(node.op, _WEIGHTED):
        return False
    constants = [v for v in node.inputs[1:] if v is not None]
    return all(v.is_const and v.type.dtype is DType.FLOAT32 for v in constants) and not node.input(0).is_const


def _channel_axis(node: Node) -> int:
    """The filter's axis of output channels."""
    return node.op.channel_axis if isinstance(node.op, Convolution) else 0


def _weighted(node: Node, op: Any, source: Value, filter_: Reals, bias: Reals, result: Value) -> Node:
    """``node`` with other parameters; no bias where it is zero and there was none."""
    if filter_.size and not np.isfinite(filter_.astype(np.float32)).all():
        return node
    old = node.optional_input(2)
    new_bias = None
    if old is not None or np.any(bias):
        new_bias = _constant(old.name if old is not None else f"{result.name}/bias", bias)
    inputs = (source, _constant(node.input(1).name, filter_), new_bias)
    return Node(op, inputs, (result,), node.name)


def _bias(node: Node, channels: int) -> Reals:
    bias = node.optional_input(2)
    return np.zeros(channels) if bias is None else bias.const.astype(np.float64).reshape(-1)


def fold_behind(graph: Graph) -> bool:
    """Fold chains into the convolution or dense layer that computes their source."""
    changed = False
    for chain in _chains(graph):
        node = graph.producer(chain.source)
        if node is None or not _is_weighted(graph, node) or _activation(node) is not Activation.NONE:
            continue
        if graph.sole_user(chain.source) is None:
            continue
        scale, shift = (_per_channel(f, chain.source.shape) for f in (chain.scale, chain.shift))
        if scale is None or shift is None:
            continue
        filter_ = node.input(1).const.astype(np.float64)
        around = [1] * filter_.ndim
        around[_channel_axis(node)] = -1
        bias = _bias(node, len(scale)) * scale + shift
        op: Any = node.op
        op = dataclasses.replace(op, activation=chain.activation)
        folded = _weighted(node, op, node.input(0), filter_ * scale.reshape(around), bias, chain.last.output)
        if folded is node:
            continue
        folded = dataclasses.replace(folded, name=chain.last.name)
        graph.remove_nodes(chain.nodes)
        graph.replace_node(node, folded)
        changed = True
    return changed


def fold_before(graph: Graph) -> bool:
    """Fold chains into the convolution or dense layer that alone reads their result."""
    changed = False
    for chain in _chains(graph):
        result = chain.last.output
        node = graph.sole_user(result)
        if node is None or chain.activation is not Activation.NONE or not _is_weighted(graph, node):
            continue
        scale, shift = (_per_channel(f, chain.source.shape) for f in (chain.scale, chain.shift))
        if scale is None or shift is None or node.input(0) is not result:
            continue
        filter_ = node.input(1).const.astype(np.float64)
        scales, shifts = _on_filter(node, scale, filter_.shape), _on_filter(node, shift, filter_.shape)
        if scales is None or shifts is None:
            continue
        if np.any(shift) and (isinstance(node.op, TransposeConv2D) or _padding(node) != NO_PADDING):
            continue
        axis = _channel_axis(node)
        others = tuple(i for i in range(filter_.ndim) if i != axis)
        bias = _bias(node, filter_.shape[axis]) + (filter_ * shifts).sum(axis=others)
        folded = _weighted(node, node.op, chain.source, filter_ * scales, bias, node.output)
        if folded is node:
            continue
        graph.replace_node(node, folded)
        graph.remove_nodes(chain.nodes)
        changed = True
    return changed


def _padding(node: Node) -> object:
    return vars(node.op).get("padding", NO_PADDING)


def _on_filter(node: Node, factor: Reals, shape: tuple[int, ...]) -> Reals | None:
    """For each of the filter's entries the ``factor`` of the input channel that it is multiplied with."""
    channels = len(factor)
    if isinstance(node.op, DepthwiseConv2D):
        return np.repeat(factor, shape[3] // channels)
    if isinstance(node.op, Conv2D):
        groups = channels // shape[3]
        by_group = factor.reshape(groups, shape[3])
        return np.repeat(by_group, shape[0] // groups, axis=0).reshape(shape[0], 1, 1, shape[3])
    if isinstance(node.op, TransposeConv2D):
        return factor if shape[3] == channels else None
    # The rows of a dense layer may hold several pixels.
    return np.tile(factor, shape[1] // channels) if shape[1] % channels == 0 else None


def shorten_chains(graph: Graph) -> bool:
    """Leave at most one Mul and one Add of a chain, and neither where it does nothing; no Div, which int8 lacks."""
    changed = False
    for chain in _chains(graph):
        steps: list[tuple[type[Add] | type[Mul], Reals]] = []
        if np.any(chain.scale != 1):
            steps.append((Mul, chain.scale))
        if np.any(chain.shift):
            steps.append((Add, chain.shift))
        size = max(v.type.elements for n in chain.nodes for v in n.inputs if v is not None and v.is_const)
        enough = len(chain.nodes) if any(isinstance(node.op, Div) for node in chain.nodes) else len(chain.nodes) - 1
        if len(steps) > enough or any(factor.size > size for _, factor in steps):
            continue
        result = chain.last.output
        if not steps:
            if chain.activation is not Activation.NONE or graph.is_output(result):
                continue
            graph.replace_value(result, chain.source)
            graph.remove_nodes([n for n in graph.nodes if any(n.outputs == o.outputs for o in chain.nodes)])
            return True
        source, nodes = chain.source, []
        for index, (kind, factor) in enumerate(steps):
            is_last = index == len(steps) - 1
            value = result if is_last else Value(f"{result.name}/scaled", result.type)
            op = kind(chain.activation if is_last else Activation.NONE)
            nodes.append(Node(op, (source, _constant(f"{value.name}/constant", factor)), (value,), value.name))
            source = value
        nodes[-1] = dataclasses.replace(nodes[-1], name=chain.last.name)
        graph.remove_nodes(chain.nodes[:-1])
        graph.replace_node(chain.last, *nodes)
        changed = True
    return changed


def depthwise_from_chains(graph: Graph) -> bool:
    """Make a 1×1 depthwise convolution of a scale and shift of an image's channels, which are one layer then."""
    changed = False
    for chain in _chains(graph):
        shape = chain.source.shape
        if len(shape) != 4 or shape[3] < 2 or len(chain.nodes) < 2 or not np.any(chain.shift):
            continue
        scale, shift = (_per_channel(f, shape) for f in (chain.scale, chain.shift))
        if scale is None or shift is None or not np.any(scale != 1):
            continue
        result = chain.last.output
        filter_ = _constant(f"{result.name}/scale", scale.reshape(1, 1, 1, -1))
        bias = _constant(f"{result.name}/shift", shift)
        op = DepthwiseConv2D(activation=chain.activation)
        graph.remove_nodes(chain.nodes[:-1])
        graph.replace_node(chain.last, Node(op, (chain.source, filter_, bias), (result,), chain.last.name))
        changed = True
    return changed
