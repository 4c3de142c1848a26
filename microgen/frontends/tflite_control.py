"""WHILE, IF and UNPACK: what converters write for recurrent layers, as plain operators of MindIR.

The steps of a loop whose number is known when the file is read (a counter runs from a constant
by constants to a constant, as every recurrent layer's does) are written one after the other, and only the branch of a
known condition is taken. Loops and unrolled recurrent layers thus are the same graph: they are optimized, quantized,
placed and checked as any other, and the generated C rolls the steps up again (``microgen.codegen.rolling``), so that
its size does not grow with their number. A loop or a branch that depends on the input becomes ``While`` or ``If`` with
its sub-graphs, which the generated C has as functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Graph, Node, Value
from microgen.ops.base import op_of
from microgen.ops.concatenation import Concatenation
from microgen.ops.gather import Gather
from microgen.ops.if_then import If
from microgen.ops.slice import Slice
from microgen.ops.while_loop import While

WHILE = "WHILE"
IF = "IF"
UNPACK = "UNPACK"
OPERATORS = (WHILE, IF, UNPACK)
TABLES = {WHILE: "WhileOptions", IF: "IfOptions", UNPACK: "UnpackOptions"}
#: The fields of the options that number subgraphs.
SUBGRAPHS = {
    WHILE: ("CondSubgraphIndex", "BodySubgraphIndex"),
    IF: ("ThenSubgraphIndex", "ElseSubgraphIndex"),
}

#: A subgraph called with some operands: (its nodes, its outputs).
Called = Callable[[Sequence[Value]], tuple[Sequence[Node], list[Value]]]

#: What calls of sub-graphs may come to: those written out, and those that stay, each a function of the generated C.
MAX_CALLS = 16384
MAX_KEPT = 64
MAX_DEPTH = 8

#: What a loop may come to: hundreds of steps of a recurrent layer.
MAX_NODES = 8192
MAX_STEPS = 1024
# Counters, conditions and indices are computed here; larger tensors are the passes' business.
_MAX_COUNTED = 64
_COUNTED = (DType.INT32, DType.INT64, DType.BOOL)


class UnknownCourseError(VerifyError):
    """The course depends on the input."""


@dataclass
class Budget:
    """What is left of the calls of a file's sub-graphs: a file can nest them so that there are 2 ** n."""

    calls: int = MAX_CALLS
    kept: int = MAX_KEPT

    def call(self) -> None:
        """One more call; VerifyError where it is one too many."""
        self.calls -= 1
        if self.calls < 0:
            raise VerifyError(f"sub-graphs are called more than {MAX_CALLS:,} times")

    def keep(self) -> None:
        """One more sub-graph that stays; VerifyError where it is one too many."""
        self.kept -= 1
        if self.kept < 0:
            raise VerifyError(f"more than {MAX_KEPT} sub-graphs are called in a way that depends on the input")


def kept(operator: str, graphs: tuple[Graph, Graph], inputs: Sequence[Value], outputs: Sequence[Value]) -> Node:
    """IF or WHILE whose course is known at run time; VerifyError when the sub-graphs do not go together."""
    op = If(*graphs) if operator == IF else While(*graphs)
    node = Node(op, tuple(inputs), tuple(outputs), outputs[0].name)
    op.check(node)
    return node


def unpack(source: Value, axis: int, outputs: Sequence[Value]) -> list[Node]:
    """UNPACK: a slice for each output."""
    rank = len(source.shape)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank or len(outputs) != source.shape[axis]:
        raise VerifyError(f"cannot unpack {list(source.shape)} along axis {axis} into {len(outputs)} tensors")
    size = tuple(1 if i == axis else n for i, n in enumerate(source.shape))
    begins = (tuple(step if i == axis else 0 for i in range(rank)) for step in range(len(outputs)))
    return [
        Node(Slice(begin, size, dropped=(axis,)), (source,), (value,), value.name)
        for begin, value in zip(begins, outputs, strict=True)
    ]


def unroll(
    condition: Called, body: Called, operands: Sequence[Value], outputs: Sequence[Value]
) -> tuple[list[Node], list[Value]]:
    """WHILE: (the nodes of all steps, the values that ``outputs`` are).

    VerifyError when the subgraphs do not go together or the number of steps is unknown or too large.
    """
    nodes: list[Node] = []
    values = list(operands)
    once: dict[Hashable, tuple[Value, ...]] = {}
    steps = 0
    while _truth(condition, values):
        made, values = body(values)
        if [(v.type.dtype, v.shape) for v in values] != [(v.type.dtype, v.shape) for v in operands]:
            raise VerifyError("the loop's body does not give what it takes")
        copied, values = _step(made, values, str(steps), once)
        nodes += copied
        steps += 1
        if len(nodes) > MAX_NODES or steps > MAX_STEPS:
            raise VerifyError(f"the loop comes to more than {MAX_STEPS:,} steps or {MAX_NODES:,} operators")
    return _named(_lists(nodes), values, outputs)


def branch(
    then: Called, other: Called, condition: Value, operands: Sequence[Value], outputs: Sequence[Value]
) -> tuple[list[Node], list[Value]]:
    """IF: (the nodes of the branch that is taken, the values that ``outputs`` are)."""
    if not condition.is_const or condition.type.elements != 1:
        raise UnknownCourseError("which branch is taken depends on the input")
    nodes, values = (then if condition.const.reshape(-1)[0] else other)(operands)
    if len(values) != len(outputs):
        raise VerifyError(f"the branch has {len(values)} outputs, not {len(outputs)}")
    return _named(list(nodes), values, outputs)


def _truth(condition: Called, operands: Sequence[Value]) -> bool:
    """Whether the loop goes on; VerifyError when that is not known."""
    _, values = condition(operands)
    if len(values) != 1 or values[0].type.dtype is not DType.BOOL or values[0].type.elements != 1:
        raise VerifyError("the loop's condition is no single truth value")
    if not values[0].is_const:
        raise UnknownCourseError("how often the loop runs depends on the input")
    return bool(values[0].const.reshape(-1)[0])


def _step(
    nodes: Sequence[Node], results: Sequence[Value], number: str, once: dict[Hashable, tuple[Value, ...]]
) -> tuple[list[Node], list[Value]]:
    """A step's nodes and results under names of their own; what depends on constants alone is in the first step."""
    names: dict[Value, Value] = {}
    copies: list[Node] = []
    for node in nodes:
        inputs = tuple(None if v is None else names.get(v, v) for v in node.inputs)
        key = (node.op, inputs) if all(v is None or v.is_const for v in inputs) else None
        outputs = once.get(key) if key is not None else None
        if outputs is None:
            outputs = tuple(dataclasses.replace(v, name=f"{v.name}/{number}") for v in node.outputs)
            copies.append(Node(node.op, inputs, outputs, outputs[0].name))
            if key is not None:
                once[key] = outputs
        names.update(zip(node.outputs, outputs, strict=True))
    return copies, [names.get(v, v) for v in results]


def computed(node: Node) -> tuple[Value, ...] | None:
    """The outputs of a node that counts, when they are known: counters, conditions and indices."""
    small = all(v.type.dtype in _COUNTED and v.type.elements <= _MAX_COUNTED for v in node.outputs)
    if not small or not all(v is None or v.is_const for v in node.inputs):
        return None
    arrays: list[Array | None] = [None if v is None else v.const[None] for v in node.inputs]
    results = op_of(node).evaluate(node, arrays)
    return tuple(
        dataclasses.replace(v, data=np.ascontiguousarray(r[0], v.type.dtype.numpy).reshape(v.shape))
        for v, r in zip(node.outputs, results, strict=True)
    )


def sliced(node: Node) -> Node:
    """The slice that a step of a loop gathers by its number, which is known; any other node as it is."""
    if not isinstance(node.op, Gather):
        return node
    data, index = node.input(0), node.input(1)
    rank = len(data.shape)
    axis = node.op.axis + (rank if node.op.axis < 0 else 0)
    if not index.is_const or index.shape or not 0 <= axis < rank or not 0 <= int(index.const) < data.shape[axis]:
        return node
    begin = tuple(int(index.const) if i == axis else 0 for i in range(rank))
    size = tuple(1 if i == axis else n for i, n in enumerate(data.shape))
    return Node(Slice(begin, size, dropped=(axis,)), (data,), node.outputs, node.name)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Elements ``start`` to ``stop`` of the first axis of a value."""

    value: Value
    start: int
    stop: int


def _lists(nodes: list[Node]) -> list[Node]:
    """``nodes`` with lists of steps' results made at once.

    In each step a loop takes the list apart and puts it together again with one element replaced.
    """
    pieces: dict[Value, list[_Piece]] = {}

    def of(value: Value) -> list[_Piece]:
        return pieces.get(value) or [_Piece(value, 0, value.shape[0])]

    result: list[Node] = []
    for node in nodes:
        if isinstance(node.op, Concatenation) and node.op.axis in (0, -len(node.output.shape)):
            parts = [piece for v in node.inputs if v is not None for piece in of(v)]
            pieces[node.output] = parts
            if all(p.start == 0 and p.stop == p.value.shape[0] for p in parts):
                node = dataclasses.replace(node, inputs=tuple(p.value for p in parts))
        elif isinstance(node.op, Slice) and node.op.is_plain and node.op.size[1:] == node.input(0).shape[1:]:
            pieces[node.output] = _cut(of(node.input(0)), node.op.begin[0], node.op.begin[0] + node.op.size[0])
        result.append(node)
    return result


def _cut(parts: Sequence[_Piece], start: int, stop: int) -> list[_Piece]:
    found, at = [], 0
    for part in parts:
        first, last = max(start - at, 0), min(stop - at, part.stop - part.start)
        if first < last:
            found.append(_Piece(part.value, part.start + first, part.start + last))
        at += part.stop - part.start
    return found


def _named(nodes: list[Node], values: Sequence[Value], outputs: Sequence[Value]) -> tuple[list[Node], list[Value]]:
    """The same with the names that the outside gives the results."""
    made = {value for node in nodes for value in node.outputs}
    names: dict[Value, Value] = {}
    for value, output in zip(values, outputs, strict=True):
        if (value.type.dtype, value.shape) != (output.type.dtype, output.shape):
            raise VerifyError(f"{output.name!r} is {output.type}, but {value.type} is computed")
        if value in made:
            names.setdefault(value, dataclasses.replace(value, name=output.name))

    def renamed(node: Node) -> Node:
        inputs = tuple(v if v is None else names.get(v, v) for v in node.inputs)
        return Node(node.op, inputs, tuple(names.get(v, v) for v in node.outputs), node.name)

    touched = [renamed(node) if names else node for node in nodes]
    return touched, [names.get(value, value) for value in values]
