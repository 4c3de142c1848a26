"""Normalizations that exporters spell out: layer normalization and softmax become one operator again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from microgen.mindir import DType, Graph, Node, Operator, Value
from microgen.ops.add import Add
from microgen.ops.attributes import Activation
from microgen.ops.base import Op
from microgen.ops.div import Div
from microgen.ops.exp import Exp
from microgen.ops.layer_norm import LayerNorm
from microgen.ops.mean import Mean
from microgen.ops.mul import Mul
from microgen.ops.neg import Neg
from microgen.ops.reciprocal import Reciprocal
from microgen.ops.reduce_max import ReduceMax
from microgen.ops.rsqrt import Rsqrt
from microgen.ops.softmax import Softmax
from microgen.ops.sqrt import Sqrt
from microgen.ops.square import Square
from microgen.ops.squared_difference import SquaredDifference
from microgen.ops.sub import Sub
from microgen.ops.sum import Sum

#: The operator that a node's result may as well be computed with, and its inputs.
Replacement: TypeAlias = tuple[Op, tuple[Value | None, ...]]


@dataclass(frozen=True, slots=True)
class Pattern:
    """``match(graph, node)`` looks at a node that may be the last of a group."""

    name: str
    match: Callable[[Graph, Node], Replacement | None]
    reason: str


def recognize_normalizations(graph: Graph) -> bool:
    """Replace groups of operators that are one normalization."""
    changed = False
    for node in graph.nodes:
        if node.outputs[0].type.dtype is not DType.FLOAT32:
            continue
        # Nodes before this one may have changed its inputs.
        current = next(n for n in graph.nodes if n.outputs == node.outputs)
        for pattern in PATTERNS:
            found = pattern.match(graph, current)
            if found is not None:
                graph.replace_node(current, Node(*found, current.outputs, current.name))
                changed = True
                break
    return changed


def _made_by(graph: Graph, value: Value | None, *kinds: type[Operator]) -> Node | None:
    """The node of one of ``kinds`` (of any, where none is named), without a fused clamp, that computes ``value``."""
    node = None if value is None else graph.producer(value)
    if node is None or (kinds and not isinstance(node.op, kinds)):
        return None
    return node if vars(node.op).get("activation", Activation.NONE) is Activation.NONE else None


def _both_orders(node: Node) -> Iterator[tuple[Value, Value]]:
    yield node.input(0), node.input(1)
    yield node.input(1), node.input(0)


def _scalar(value: Value) -> float | None:
    return float(value.const.reshape(-1)[0]) if value.is_const and value.type.elements == 1 else None


def _quotient(graph: Graph, node: Node) -> Iterator[tuple[Value, Value, bool]]:
    """(numerator, x, whether it is divided by √x rather than x) as which ``node`` can be read."""
    if isinstance(node.op, Div):
        yield node.input(0), node.input(1), False
        if (root := _made_by(graph, node.input(1), Sqrt)) is not None:
            yield node.input(0), root.input(0), True
    elif isinstance(node.op, Mul):
        for numerator, factor in _both_orders(node):
            if (inverse := _made_by(graph, factor, Rsqrt)) is not None:
                yield numerator, inverse.input(0), True
            if (inverse := _made_by(graph, factor, Reciprocal)) is None:
                continue
            yield numerator, inverse.input(0), False
            if (root := _made_by(graph, inverse.input(0), Sqrt)) is not None:
                yield numerator, root.input(0), True


def _layer_norm(graph: Graph, node: Node) -> Replacement | None:
    """(x - mean) / √(mean of squares + epsilon)"""
    if vars(node.op).get("activation", Activation.NONE) is not Activation.NONE:
        return None
    for difference, radicand, is_root in _quotient(graph, node):
        minus, total = _made_by(graph, difference, Sub), _made_by(graph, radicand, Add)
        if minus is None or total is None or not is_root:
            continue
        x = minus.input(0)
        mean = _mean_of(graph, minus.input(1), x)
        for variance, constant in _both_orders(total):
            epsilon = _scalar(constant)
            if mean is None or epsilon is None or epsilon < 0:
                continue
            squares = _made_by(graph, variance, Mean)
            if squares is None or squares.op != mean or not _is_square(graph, squares.input(0), x, mean):
                continue
            return LayerNorm(len(mean.axes), epsilon), (x, None, None)
    return None


def _mean_of(graph: Graph, value: Value, x: Value) -> Mean | None:
    """The mean of ``x`` over its last dimensions, which are kept, as which ``value`` is computed."""
    node = _made_by(graph, value, Mean)
    if node is None or not isinstance(node.op, Mean) or node.input(0) is not x or not node.op.keep_dims:
        return None
    rank = len(x.shape)
    return node.op if node.op.axes == tuple(range(rank - len(node.op.axes), rank)) else None


def _is_square(graph: Graph, value: Value, x: Value, mean: Mean) -> bool:
    """Whether ``value`` is the square of x minus its mean."""
    node = _made_by(graph, value)
    if node is None:
        return False
    if isinstance(node.op, SquaredDifference):
        return any(a is x and _mean_of(graph, b, x) == mean for a, b in _both_orders(node))
    if isinstance(node.op, Mul):
        is_square = node.input(0) is node.input(1)
    elif node.op.name == "Pow":
        is_square = _scalar(node.input(1)) == 2
    else:
        is_square = isinstance(node.op, Square)
    if not is_square:
        return False
    minus = _made_by(graph, node.input(0), Sub)
    return minus is not None and minus.input(0) is x and _mean_of(graph, minus.input(1), x) == mean


def _layer_norm_by_parts(graph: Graph, node: Node) -> Replacement | None:
    """x · factor - mean · factor + beta, with factor = gamma / √(mean of squares + epsilon)"""
    if not isinstance(node.op, Add | Sub) or node.op.activation is not Activation.NONE:
        return None
    orders = _both_orders(node) if isinstance(node.op, Add) else iter([(node.input(0), node.input(1))])
    for first, rest in orders:
        product = _made_by(graph, first, Mul)
        if product is None:
            continue
        for mean_value, factor, beta in _shifts(graph, rest, isinstance(node.op, Sub)):
            for x, second in _both_orders(product):
                mean = _mean_of(graph, mean_value, x)
                if second is not factor or mean is None or x.shape != node.output.shape:
                    continue
                for epsilon, gamma in _deviations(graph, factor, x, mean):
                    parameters = [_spread(v, x.shape[-len(mean.axes) :]) for v in (gamma, beta)]
                    if all((a is None) == (b is None) for a, b in zip(parameters, (gamma, beta), strict=True)):
                        return LayerNorm(len(mean.axes), epsilon), (x, *parameters)
    return None


def _shifts(graph: Graph, value: Value, subtracted: bool) -> Iterator[tuple[Value, Value, Value | None]]:
    """(mean, factor, beta) as which ``value`` can be read: beta - mean · factor, if ``subtracted`` mean · factor."""
    node = _made_by(graph, value)
    if node is None:
        return
    if isinstance(node.op, Mul):
        for mean, factor in _both_orders(node):
            negated = None if subtracted else _made_by(graph, mean, Neg)
            if subtracted:
                yield mean, factor, None
            elif negated is not None:
                yield negated.input(0), factor, None
    elif subtracted:
        return
    elif isinstance(node.op, Neg):
        yield from _shifts(graph, node.input(0), True)
    elif isinstance(node.op, Sub) and node.input(0).is_const:
        yield from ((mean, factor, node.input(0)) for mean, factor, _ in _shifts(graph, node.input(1), True))
    elif isinstance(node.op, Add):
        for beta, inner in _both_orders(node):
            if beta.is_const:
                yield from ((mean, f, beta) for mean, f, other in _shifts(graph, inner, False) if other is None)


def _deviations(graph: Graph, factor: Value, x: Value, mean: Mean) -> Iterator[tuple[float, Value | None]]:
    """(epsilon, gamma) with which ``factor`` is gamma / √(mean of squares + epsilon)."""
    node = _made_by(graph, factor, Rsqrt, Mul)
    if node is not None and isinstance(node.op, Mul):
        for inverse, gamma in _both_orders(node):
            if gamma.is_const and _made_by(graph, inverse, Rsqrt) is not None:
                yield from ((epsilon, gamma) for epsilon, _ in _deviations(graph, inverse, x, mean))
        return
    total = None if node is None else _made_by(graph, node.input(0), Add)
    if total is None:
        return
    for variance, constant in _both_orders(total):
        epsilon, squares = _scalar(constant), _made_by(graph, variance, Mean)
        if epsilon is None or epsilon < 0 or squares is None or squares.op != mean:
            continue
        if _is_square(graph, squares.input(0), x, mean):
            yield epsilon, None


def _spread(value: Value | None, shape: tuple[int, ...]) -> Value | None:
    """The constant as one number for each of ``shape``; None when it varies along other dimensions."""
    if value is None or any(size != 1 for size in value.shape[: -len(shape)]):
        return None
    own = value.shape[-len(shape) :]
    if any(a not in (1, b) for a, b in zip(reversed(own), reversed(shape), strict=False)):
        return None
    data = np.ascontiguousarray(np.broadcast_to(value.const.reshape(own), shape))
    return Value(value.name, dataclasses.replace(value.type, shape=shape), data)


def _gamma(graph: Graph, node: Node) -> Replacement | None:
    """A factor behind a layer normalization that has none"""
    return _parameter(graph, node, Mul, 1)


def _beta(graph: Graph, node: Node) -> Replacement | None:
    """A summand behind a layer normalization that has none"""
    return _parameter(graph, node, Add, 2)


def _parameter(graph: Graph, node: Node, kind: type[Op], index: int) -> Replacement | None:
    if not isinstance(node.op, kind) or vars(node.op).get("activation") is not Activation.NONE:
        return None
    for value, constant in _both_orders(node):
        inner = _made_by(graph, value, LayerNorm)
        if inner is None or graph.sole_user(value) is not node or not constant.is_const:
            continue
        assert isinstance(inner.op, LayerNorm)
        if any(v is not None for v in inner.inputs[index:]) or node.output.shape != value.shape:
            continue
        axes = inner.op.axes
        if any(size != 1 for size in constant.shape[:-axes]):
            continue
        wanted = constant.shape[-axes:]
        kind_ = dataclasses.replace(constant.type, shape=wanted)
        parameter = Value(constant.name, kind_, constant.const.reshape(wanted))
        operands = (*inner.inputs, None, None)[:3]
        return inner.op, (*operands[:index], parameter, *operands[index + 1 :])
    return None


def _softmax(graph: Graph, node: Node) -> Replacement | None:
    """exp(x - max x) / Σ exp(x - max x), with or without the maximum"""
    if vars(node.op).get("activation", Activation.NONE) is not Activation.NONE:
        return None
    for numerator, divisor, is_root in _quotient(graph, node):
        total, power = _made_by(graph, divisor, Sum), _made_by(graph, numerator, Exp)
        if is_root or total is None or power is None or total.input(0) is not numerator:
            continue
        op = total.op
        assert isinstance(op, Sum)
        if len(op.axes) != 1 or not op.keep_dims:
            continue
        x = power.input(0)
        minus = _made_by(graph, x, Sub)
        if minus is not None:
            top = _made_by(graph, minus.input(1), ReduceMax)
            if top is not None and top.input(0) is minus.input(0) and vars(top.op) == vars(op):
                x = minus.input(0)
        return Softmax(axis=op.axes[0]), (x,)
    return None


PATTERNS: tuple[Pattern, ...] = (
    Pattern("layer normalization", _layer_norm, "nine operators in transformers, and exact in int8 as one alone"),
    Pattern("layer normalization by parts", _layer_norm_by_parts, "as Keras computes it from moments"),
    Pattern("gamma of a layer normalization", _gamma, "the scale is an operand of LayerNorm"),
    Pattern("beta of a layer normalization", _beta, "the shift is an operand of LayerNorm"),
    Pattern("softmax", _softmax, "the exponentials have no range that int8 suits; one operator has"),
)
