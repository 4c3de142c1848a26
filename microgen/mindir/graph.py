"""The graph: values, nodes and the only places that change them.

A ``Value`` and a ``Node`` are frozen; rewriting means replacing. ``Graph`` keeps nodes in execution order and
indexes producers and users, so that passes neither search nor leave the indexes stale.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir.types import TensorType

Array = NDArray[np.generic]


class Operator(ABC):
    """What the graph needs to know of an operator; ``microgen.ops`` says the rest.

    Concrete operators are frozen dataclasses whose fields are the operator's attributes.
    """

    name: ClassVar[str]

    @abstractmethod
    def check(self, node: Node) -> None:
        """Raise VerifyError unless ``node``'s inputs and outputs obey this operator's typing rules."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor in the graph; ``data`` makes it a constant. Identity is the object's, names are labels."""

    name: str
    type: TensorType
    data: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.data is not None:
            assert self.data.shape == self.type.shape and self.data.dtype == self.type.dtype.numpy, self.name
            self.data.setflags(write=False)

    @property
    def is_const(self) -> bool:
        """Whether the value is known at compile time."""
        return self.data is not None

    @property
    def const(self) -> Array:
        """The data of a constant."""
        assert self.data is not None, f"{self.name} is not a constant"
        return self.data

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.type.shape


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One application of an operator. An absent optional input is None. ``name`` labels it in messages."""

    op: Operator
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    name: str

    def input(self, index: int) -> Value:
        """The input at ``index``; VerifyError when it is absent."""
        value = self.optional_input(index)
        if value is None:
            raise VerifyError(f"input {index} is missing", where=self.name)
        return value

    def optional_input(self, index: int) -> Value | None:
        """The input at ``index``, or None when it is absent or the list is shorter."""
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def output(self) -> Value:
        """The only output; VerifyError when there are none or several."""
        if len(self.outputs) != 1:
            raise VerifyError(f"has {len(self.outputs)} outputs, not 1", where=self.name)
        return self.outputs[0]

    @property
    def label(self) -> str:
        """``name (OPERATOR)``, as errors show it."""
        return f"{self.name} ({self.op.name})"


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A tensor that is kept from one invocation to the next.

    ``before`` is what an invocation finds, ``after`` what it leaves: a computed value, or ``before`` of this or another
    state, an input or a constant. Both have one type. The first invocation finds ``initial``.
    """

    name: str
    before: Value
    after: Value
    initial: Array = field(repr=False)

    def __post_init__(self) -> None:
        type_ = self.before.type
        assert self.initial.shape == type_.shape and self.initial.dtype == type_.dtype.numpy, self.name
        self.initial.setflags(write=False)


class Graph:
    """A model: inputs, outputs, states and nodes in execution order. Change it through its methods only."""

    def __init__(
        self,
        name: str,
        inputs: Iterable[Value],
        outputs: Iterable[Value],
        nodes: Iterable[Node],
        states: Iterable[State] = (),
    ) -> None:
        self.name = name
        self._inputs = tuple(inputs)
        self._outputs = list(outputs)
        self._nodes = list(nodes)
        self._states = list(states)
        self._producer: dict[Value, Node] = {}
        self._users: dict[Value, list[Node]] = {}
        self._reindex()

    def _reindex(self) -> None:
        self._producer = {value: node for node in self._nodes for value in node.outputs}
        self._users = {}
        for node in self._nodes:
            for value in dict.fromkeys(v for v in node.inputs if v is not None):
                self._users.setdefault(value, []).append(node)

    # Reading ------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The values that the caller provides."""
        return self._inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The values that the caller receives."""
        return tuple(self._outputs)

    @property
    def states(self) -> tuple[State, ...]:
        """What is kept from one invocation to the next."""
        return tuple(self._states)

    @property
    def sources(self) -> tuple[Value, ...]:
        """What is there before the first node runs: the inputs, then the states as they were left."""
        return (*self._inputs, *(state.before for state in self._states))

    @property
    def results(self) -> tuple[Value, ...]:
        """What must be there after the last node: the outputs, then the states as they are left."""
        return (*self._outputs, *(state.after for state in self._states))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes in execution order."""
        return tuple(self._nodes)

    def producer(self, value: Value) -> Node | None:
        """The node that computes ``value``; None for graph inputs, states as they were left and constants."""
        return self._producer.get(value)

    def users(self, value: Value) -> tuple[Node, ...]:
        """The nodes that read ``value``, in execution order."""
        return tuple(self._users.get(value, ()))

    def is_output(self, value: Value) -> bool:
        """Whether ``value`` is among the results: the caller receives it, or a state is left as it."""
        return value in self._outputs or any(state.after is value for state in self._states)

    def sole_user(self, value: Value) -> Node | None:
        """The one node that reads ``value`` if nothing else, the results included, does."""
        users = self._users.get(value, [])
        return users[0] if len(users) == 1 and not self.is_output(value) else None

    def values(self) -> Iterator[Value]:
        """Every value once: inputs and states, then each node's inputs and outputs in order."""
        seen = dict.fromkeys(self.sources)
        for node in self._nodes:
            seen.update(dict.fromkeys(v for v in node.inputs if v is not None))
            seen.update(dict.fromkeys(node.outputs))
        seen.update(dict.fromkeys(self.results))
        return iter(seen)

    def constants(self) -> Iterator[Value]:
        """Every constant that a node reads or that is among the results, once."""
        return (value for value in self.values() if value.is_const)

    def require_no_states(self, what: str) -> None:
        """VerifyError, which says ``what`` has no states, if the graph has some."""
        if self._states:
            names = ", ".join(repr(state.name) for state in self._states[:3])
            hint = "Save the model as .tflite, which keeps states"
            raise VerifyError(f"{what} has no tensors that are kept between invocations", where=names, hint=hint)

    def copy(self) -> Graph:
        """A graph that can be changed without changing this one; values and nodes are shared (they are frozen)."""
        return Graph(self.name, self._inputs, self._outputs, self._nodes, self._states)

    # Changing -----------------------------------------------------------------------------------------

    def replace_node(self, old: Node, *new: Node) -> None:
        """Put ``new`` where ``old`` stood. Outputs of ``old`` that are still used must be produced by ``new``."""
        at = self._nodes.index(old)
        self._nodes[at : at + 1] = new
        self._reindex()

    def remove_nodes(self, nodes: Iterable[Node]) -> None:
        """Take ``nodes`` out; their outputs must not be used any more."""
        gone = set(nodes)
        self._nodes = [node for node in self._nodes if node not in gone]
        self._reindex()

    def replace_value(self, old: Value, new: Value) -> None:
        """Let every user of ``old``, the results included, read ``new`` instead."""
        self._nodes = [
            Node(n.op, tuple(new if v is old else v for v in n.inputs), n.outputs, n.name) if old in n.inputs else n
            for n in self._nodes
        ]
        self._outputs = [new if v is old else v for v in self._outputs]
        self._states = [replace(s, after=new) if s.after is old else s for s in self._states]
        self._reindex()

    def remove_states(self, states: Iterable[State]) -> None:
        """Take ``states`` out; what they were left as must not be used any more."""
        gone = set(states)
        self._states = [state for state in self._states if state not in gone]

    def reorder(self, nodes: Sequence[Node]) -> None:
        """Set the execution order to ``nodes``, a permutation of the present ones."""
        assert set(nodes) == set(self._nodes) and len(nodes) == len(self._nodes)
        self._nodes = list(nodes)
        self._reindex()
