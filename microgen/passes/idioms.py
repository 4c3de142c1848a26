"""Activation functions that exporters spell out in simpler operators become one operator again.

A group of elementwise operators with scalar constants that computes a function of one tensor is recognized by its
values: on a dense grid of numbers, with those around every bend and large ones, it must agree with an operator of the
table within float rounding. The order of factors, the way a constant is written and fused clamps do not matter then.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from microgen.mindir import Array, DType, Graph, Node, TensorType, Value
from microgen.ops.base import Op, op_of
from microgen.ops.binary import Binary
from microgen.ops.clip import Clip
from microgen.ops.gelu import Gelu
from microgen.ops.hard_sigmoid import HardSigmoid
from microgen.ops.hard_swish import HardSwish
from microgen.ops.logistic import Logistic
from microgen.ops.maximum import Maximum
from microgen.ops.minimum import Minimum
from microgen.ops.mish import Mish
from microgen.ops.relu import Relu
from microgen.ops.relu6 import Relu6
from microgen.ops.softplus import Softplus
from microgen.ops.softsign import Softsign
from microgen.ops.unary import Unary

# More operators than this do not make up one activation function.
_MAX_NODES = 12
# Relative to the larger of 1, the number and its function.
_TOLERANCE = 4e-6
# So many of the results must be finite: outside, a formula that overflows says nothing.
_FINITE = 0.9


@dataclass(frozen=True, slots=True)
class Idiom:
    """An operator that a group of others may stand for."""

    op: Op
    exact: bool
    reason: str


IDIOMS: tuple[Idiom, ...] = (
    Idiom(Relu(), True, "Maximum with 0, Clip from 0: fuses into what computes its input"),
    Idiom(Relu6(), True, "Clip from 0 to 6, Minimum and Maximum: fuses into what computes its input"),
    Idiom(HardSwish(), False, "x · HardSigmoid(x), x · ReLU6(x + 3) / 6: MobileNetV3"),
    Idiom(HardSigmoid(), False, "ReLU6(x + 3) / 6: the gates of MobileNetV3"),
    Idiom(HardSigmoid(0.2, 0.5), False, "Clip(x / 5 + 1/2, 0, 1): Keras' older form"),
    Idiom(Gelu(False), False, "x/2 · (1 + erf(x / √2)): transformers before ONNX had Gelu"),
    Idiom(Gelu(True), False, "x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))"),
    Idiom(Logistic(), False, "1 / (1 + exp(-x))"),
    Idiom(Softplus(), False, "log(1 + exp(x))"),
    Idiom(Mish(), False, "x · tanh(log(1 + exp(x)))"),
    Idiom(Softsign(), False, "x / (1 + |x|)"),
)


def recognize_activations(graph: Graph) -> bool:
    """Replace groups of elementwise operators that are one activation function."""
    changed = False
    for node in reversed(graph.nodes):
        # A replacement behind it may have taken this node away.
        if graph.position(node) is None or not _is_elementwise(node) or node.output.type.dtype is not DType.FLOAT32:
            continue
        for source, group in _groups(graph, node):
            if len(group) == 1 and not isinstance(node.op, Maximum | Minimum | Clip):
                continue
            op = _function(source, group)
            if op is None or op == node.op:
                continue
            inner = [n for n in group if n is not node]
            graph.replace_node(node, Node(op, (source,), node.outputs, node.name))
            graph.remove_nodes(inner)
            changed = True
            break
    return changed


def _is_elementwise(node: Node) -> bool:
    return isinstance(node.op, Unary | Binary)


def _groups(graph: Graph, last: Node) -> list[tuple[Value, list[Node]]]:
    """Values that ``last`` is a function of, with the nodes that compute it in order, the largest group first.

    Nothing outside of a group reads what it computes on the way.
    """
    found = []
    group: list[Node] = [last]
    while len(group) <= _MAX_NODES:
        open_values = list(
            dict.fromkeys(v for n in group for v in n.inputs if v is not None and not v.is_const and not _in(group, v))
        )
        scalars = all(v is None or not v.is_const or v.type.elements == 1 for n in group for v in n.inputs)
        if not scalars:
            break
        if len(open_values) == 1 and open_values[0].shape == last.output.shape:
            found.append((open_values[0], sorted(group, key=lambda n: graph.position(n) or 0)))
        # The value that is computed last goes in next: what it is computed from may be open as well.
        producers = [p for v in open_values if (p := graph.producer(v)) is not None]
        if len(producers) < len(open_values) and len(open_values) == 1:
            break
        inside = [p for p in producers if _fits(graph, p, group)]
        if not inside:
            break
        group.append(max(inside, key=lambda n: graph.position(n) or 0))
    return found[::-1]


def _in(group: list[Node], value: Value) -> bool:
    return any(value in n.outputs for n in group)


def _fits(graph: Graph, node: Node, group: list[Node]) -> bool:
    """Whether ``node`` may join ``group``: elementwise in float, read by the group alone."""
    if not _is_elementwise(node) or node.output.type.dtype is not DType.FLOAT32 or graph.is_output(node.output):
        return False
    return all(user in group for user in graph.users(node.output))


def _function(source: Value, group: list[Node]) -> Op | None:
    """The operator of the table that ``group`` computes of ``source``."""
    if source.type.dtype is not DType.FLOAT32:
        return None
    grid = _grid()
    values: dict[Value, Array] = {source: grid[None]}
    # On the grid every tensor is a vector, and every constant one number.
    for node in group:
        operands = [None if v is None else (v.const.reshape(1, 1) if v.is_const else values[v]) for v in node.inputs]
        plain = tuple(
            Value(v.name, TensorType(v.type.dtype, a.shape[1:]), a[0] if v.is_const else None)
            for v, a in zip(node.inputs, operands, strict=True)
            if v is not None and a is not None
        )
        result = Value("result", TensorType(node.output.type.dtype, grid.shape))
        (values[node.output],) = op_of(node).evaluate(Node(node.op, plain, (result,), node.name), operands)
    found = values[group[-1].output].reshape(-1).astype(np.float32)
    finite = np.isfinite(found)
    if finite.mean() < _FINITE:
        return None
    for index, idiom in enumerate(IDIOMS):
        wanted = _values(index)
        if idiom.exact:
            if np.array_equal(found, wanted):
                return idiom.op
            continue
        scale = np.maximum(np.maximum(1, np.abs(grid)), np.abs(wanted))
        if np.all(np.abs(found - wanted)[finite] <= (_TOLERANCE * scale)[finite]):
            return idiom.op
    return None


@functools.cache
def _grid() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    bends = np.array([-3, -2.5, -1, 0, 1, 2.5, 3, 6], np.float32)
    near = np.concatenate([np.nextafter(bends, np.float32(-100)), bends, np.nextafter(bends, np.float32(100))])
    far = np.array([30, 80, 100, 1e3, 1e4, 1e6, 1e9, 1e12], np.float32)
    return np.concatenate([np.linspace(-20, 20, 2001, dtype=np.float32), near, far, -far])


@functools.cache
def _values(index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The function of the table's operator ``index`` on the grid."""
    grid = _grid()
    kind = TensorType(DType.FLOAT32, grid.shape)
    op = IDIOMS[index].op
    node = Node(op, (Value("x", kind),), (Value("y", kind),), op.name)
    (result,) = op.evaluate(node, [grid[None]])
    return result.reshape(-1).astype(np.float32)
