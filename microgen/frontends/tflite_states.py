"""What a .tflite file keeps from one invocation to the next: resource variables and variable tensors.

In MindIR nothing is written twice: what an operator assigns is another value than what it found. Operators are met in
the order of the file, so a variable read after an assignment is what was assigned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microgen.errors import InputError, VerifyError
from microgen.frontends.tflite_schema import Record
from microgen.mindir import Array, DType, State, TensorType, Value

HANDLE = "VAR_HANDLE"
READ = "READ_VARIABLE"
ASSIGN = "ASSIGN_VARIABLE"
ONCE = "CALL_ONCE"
OPERATORS = (HANDLE, READ, ASSIGN, ONCE)
_HANDLE_TABLE = "VarHandleOptions"
_ONCE_TABLE = "CallOnceOptions"

#: The options table of an operator, by the table's name.
Table = Callable[[str], Record | None]


@dataclass
class _Kept:
    """``before`` is None as long as nothing has read what the last invocation left."""

    name: str
    current: Value
    before: Value | None = None


def inside(name: str, number: int, initial: Array) -> State:
    """What an operator with the result ``name`` keeps in itself, which is no tensor of the file."""
    type_ = TensorType(DType(str(initial.dtype)), initial.shape)
    name = f"{name}/kept" + (f"_{number}" if number else "")
    return State(name, Value(name, type_), Value(f"{name}/left", type_), initial)


class States:
    """The variables of one subgraph. ``initial`` gives the values of resource variables that an initialization set."""

    def __init__(self, initial: Mapping[Hashable, Array]) -> None:
        self._initial = initial
        self._handles: dict[int, tuple[Hashable, str]] = {}
        self._kept: dict[Hashable, _Kept] = {}
        self._fills: dict[Hashable, Array] = {}
        self._inside: list[State] = []

    def open(self, index: int, table: Table) -> None:
        """VAR_HANDLE: tensor ``index`` stands for a variable from now on."""
        options = table(_HANDLE_TABLE)
        container, name = (options.text(f) if options is not None else "" for f in ("Container", "SharedName"))
        self._handles[index] = (container, name), name or f"variable_{index}"

    def read(self, index: int | None, result: Value) -> Value:
        """READ_VARIABLE: what the variable behind tensor ``index`` holds now; ``result`` gives the type."""
        key, name = self._handle(index)
        return self._current(key, name, result.type, result.name)

    def assign(self, index: int | None, value: Value) -> None:
        """ASSIGN_VARIABLE: the variable behind tensor ``index`` is ``value`` from now on."""
        key, name = self._handle(index)
        kept = self._kept.get(key)
        if kept is None:
            self._kept[key] = _Kept(name, value)
            return
        _require_same(kept.name, kept.current.type, value.type)
        kept.current = value

    def tensor(self, index: int, value: Value) -> Value:
        """What the variable tensor ``index`` holds now; ``value`` is the tensor. It begins as zeros."""
        quant = value.type.quant
        zero = quant.zero_points[0] if quant is not None and value.type.dtype is DType.INT8 else 0
        self._fills.setdefault(index, np.full(value.shape, zero, value.type.dtype.numpy))
        return self._current(index, value.name, value.type, value.name)

    def leave(self, index: int, value: Value) -> None:
        """The variable tensor ``index``, which has been read, is ``value`` from now on."""
        self._kept[index].current = value

    def keep(self, states: Sequence[State]) -> None:
        """What an operator keeps in itself."""
        self._inside += states

    def assigned(self) -> dict[Hashable, Value]:
        """What each variable was left as."""
        return {key: kept.current for key, kept in self._kept.items()}

    @property
    def keeps(self) -> bool:
        """Whether anything is kept."""
        return bool(self._kept or self._inside)

    def states(self) -> list[State]:
        """The graph's states: the variables that an invocation reads before it assigns, and what is kept inside."""
        found = [*self._inside]
        for key, kept in self._kept.items():
            if kept.before is not None:
                first = self._first(key, kept.name, kept.before.type)
                found.append(State(kept.name, kept.before, kept.current, first))
        names: set[str] = set()
        for i, state in enumerate(found):
            name = state.name
            while name in names:
                name += "_"
            names.add(name)
            found[i] = dataclasses.replace(state, name=name)
        return found

    def _current(self, key: Hashable, name: str, type_: TensorType, value_name: str) -> Value:
        if key not in self._kept:
            before = Value(value_name, type_)
            self._kept[key] = _Kept(name, before, before)
        kept = self._kept[key]
        _require_same(kept.name, kept.current.type, type_)
        return kept.current

    def _first(self, key: Hashable, name: str, type_: TensorType) -> Array:
        if key in self._fills:
            return self._fills[key]
        initial = self._initial.get(key)
        if initial is None:
            return np.zeros(type_.shape, type_.dtype.numpy)
        if initial.dtype != type_.dtype.numpy or initial.shape != type_.shape:
            found = f"{initial.dtype} {list(initial.shape)}"
            raise InputError(f"is initialized with {found}, and read as {type_}", where=f"variable {name!r}")
        return initial

    def _handle(self, index: int | None) -> tuple[Hashable, str]:
        if index is None or index not in self._handles:
            raise VerifyError("reads a variable that no VAR_HANDLE names")
        return self._handles[index]


def initialization(table: Table) -> int:
    """CALL_ONCE: the number of the subgraph that runs once."""
    options = table(_ONCE_TABLE)
    return 0 if options is None else options.integer("InitSubgraphIndex")


def _require_same(name: str, kept: TensorType, other: TensorType) -> None:
    if kept != other:
        raise VerifyError(f"the variable {name!r} holds {kept} and is used as {other}")
