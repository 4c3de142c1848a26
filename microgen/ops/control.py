"""What ``If`` and ``While`` share: sub-graphs that run inside of an operator, and how the host runs them.

A sub-graph takes and gives tensors of the types that its node has, to the bit; it keeps nothing between invocations.
On the device each sub-graph is a C function with an arena of its own, which lies in the node's scratch
(``microgen.plan``, ``microgen.codegen.control``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError, VerifyError
from microgen.mindir import Array, DType, Graph, Node, TensorType, Value, verify
from microgen.ops.base import Op, Sample, device_constraint, op_of
from microgen.ops.call import Call, Target
from microgen.ops.onnx_form import OnnxForm

#: Operators of sub-graphs that the host runs for one batch before it calls a loop endless. The device has no such
#: limit: there a loop ends when the model's condition says so.
MAX_OPERATORS = 100_000

_left: ContextVar[list[int] | None] = ContextVar("operators left", default=None)


class ControlFlow(Op):
    """Base of the operators with sub-graphs, which are attributes: graphs that nobody changes any more."""

    @property
    @abstractmethod
    def graphs(self) -> tuple[Graph, ...]:
        """The sub-graphs in the order of the fields."""

    def check(self, node: Node) -> None:
        """Raise VerifyError unless every sub-graph is well formed and fits the node."""
        for graph in self.graphs:
            graph.require_no_states("a sub-graph")
            verify(graph)
        super().check(node)

    @device_constraint
    def sub_graphs(self, node: Node) -> str | None:
        """the generated C has every operator of the sub-graphs"""
        for graph in self.graphs:
            for inner in graph.nodes:
                for problem in op_of(inner).problems(inner, device=True):
                    return f"{inner.label}: {problem}"
        return None

    def to_onnx(self, node: Node) -> OnnxForm:
        raise VerifyError("sub-graphs are not written to ONNX files", where=node.label)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        """None: the generated C branches in place, and the planner plans the sub-graphs."""
        return ()

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """None: what stands in sub-graphs has samples of its own, the flow of control tests of its own."""
        yield from ()


def require(graph: Graph, role: str, inputs: Sequence[Value], outputs: Sequence[TensorType]) -> None:
    """VerifyError unless ``graph``, which is the node's ``role``, takes ``inputs`` and gives ``outputs``."""
    _require_same(f"the {role} takes", [v.type for v in graph.inputs], [v.type for v in inputs], "is given")
    _require_same(f"the {role} gives", [v.type for v in graph.outputs], list(outputs), "must give")


def _require_same(what: str, found: Sequence[TensorType], wanted: Sequence[TensorType], other: str) -> None:
    if len(found) != len(wanted):
        raise VerifyError(f"{what} {len(found)} tensors and {other} {len(wanted)}")
    for index, (one, two) in enumerate(zip(found, wanted, strict=True)):
        if one != two:
            raise VerifyError(f"{what} {one} as tensor {index} and {other} {two}")


def require_truth(type_: TensorType, what: str) -> None:
    """VerifyError unless a tensor of this type is a single truth value."""
    if type_.dtype is not DType.BOOL or type_.elements != 1:
        raise VerifyError(f"{what} is {type_}, not a single truth value")


def macs(graph: Graph) -> int:
    """Multiply-accumulates of one run of ``graph``."""
    return sum(op_of(node).macs(node) for node in graph.nodes)


@contextmanager
def limited() -> Iterator[None]:
    """Bounds what the host runs inside, nested sub-graphs included; InputError beyond ``MAX_OPERATORS``."""
    if _left.get() is not None:
        yield
        return
    token = _left.set([MAX_OPERATORS])
    try:
        yield
    finally:
        _left.reset(token)


def run(graph: Graph, inputs: Sequence[Array], samples: int) -> list[Array]:
    """The outputs of ``graph`` for ``samples`` samples, inside of ``limited``."""
    left = _left.get()
    assert left is not None
    left[0] -= len(graph.nodes) + 1
    if left[0] < 0:
        raise InputError(
            f"runs more than {MAX_OPERATORS:,} operators of its sub-graphs and may never end",
            where=f"sub-graph {graph.name!r}",
            hint="The host gives up there; a loop's condition must become false for every input",
        )
    values: dict[Value, Array] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        arrays = [None if v is None else (v.const[None] if v.is_const else values[v]) for v in node.inputs]
        for value, result in zip(node.outputs, op_of(node).evaluate(node, arrays), strict=True):
            values[value] = np.broadcast_to(result, (samples, *value.shape))
    return [np.broadcast_to(v.const, (samples, *v.shape)) if v.is_const else values[v] for v in graph.outputs]


def whole(inputs: Sequence[Array | None]) -> tuple[list[Array], int]:
    """(operands, every one with all samples; how many these are)."""
    arrays = [array for array in inputs if array is not None]
    samples = max((len(array) for array in arrays), default=1)
    return [np.broadcast_to(array, (samples, *array.shape[1:])) for array in arrays], samples


def truths(array: Array) -> NDArray[np.bool_]:
    """One truth value for each sample."""
    return np.asarray(array.reshape(len(array)) != 0)


def empty(values: Sequence[Value], samples: int) -> list[Array]:
    """Arrays to be filled."""
    return [np.zeros((samples, *value.shape), value.type.dtype.numpy) for value in values]
