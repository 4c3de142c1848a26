"""An operator's C form as data: which function, which arguments, how much scratch.

Operators build these; code generation and the tests render them. Nothing here knows a network or a board.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from microgen.mindir import Array, Node


class Isa(enum.Enum):
    """The instruction set that a kernel may use."""

    PORTABLE = "portable"
    DSP = "dsp"
    MVE = "mve"


@dataclass(frozen=True, slots=True)
class Target:
    """What a lowering may depend on: the instruction set, and no board.

    ``library`` is what serves CMSIS-NN's functions in place of our own kernels; lowerings do not look at it.
    """

    isa: Isa = Isa.PORTABLE
    library: Library | None = None

    def bind(self, node: Node, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        """The calls that a lowering made, bound to the library where it serves them."""
        if self.library is None:
            return calls
        return tuple(self.library.bind(node, call, self.isa) for call in calls)


class Library(Protocol):
    """A CMSIS-NN that may be linked in place of our kernels."""

    def bind(self, node: Node, call: Call, isa: Isa) -> Call:
        """``call``, one of those that compute ``node``, with the library's scratch and ``from_library`` set;
        unchanged where our kernel must serve it.
        """


@dataclass(frozen=True, slots=True)
class Input:
    """Pointer to the node's input ``index`` (in the arena, or the constant itself), ``offset`` bytes in."""

    index: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """Pointer to the node's output ``index``, ``offset`` bytes in."""

    index: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """Pointer to a read-only table made at compile time; ``label`` names it in the generated C."""

    label: str
    data: Array


@dataclass(frozen=True, slots=True)
class Int:
    """An integer that fits int32."""

    value: int


@dataclass(frozen=True, slots=True)
class Float:
    """A float32 value."""

    value: float


@dataclass(frozen=True, slots=True)
class Null:
    """A null pointer."""


@dataclass(frozen=True, slots=True)
class Context:
    """Pointer to a ``cmsis_nn_context`` over the call's scratch."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Pointer to the call's scratch, ``offset`` bytes in."""

    offset: int = 0


@dataclass(frozen=True, slots=True)
class Inside:
    """A node's input or output whose place is ``offset`` bytes inside of the node's scratch."""

    operand: Input | Output
    offset: int


@dataclass(frozen=True, slots=True)
class Struct:
    """A parameter struct: by address as an argument, by value as a field. ``fields`` go by C field name.

    A tuple of Int as a field's value is an array member.
    """

    ctype: str
    fields: tuple[tuple[str, FieldValue], ...]


FieldValue: TypeAlias = "Int | Float | Null | Const | Struct | tuple[Int, ...]"
Arg: TypeAlias = "Input | Output | Const | Int | Float | Null | Context | Scratch | Struct"


@dataclass(frozen=True, slots=True)
class SizeQuery:
    """A call of a library's function that returns how many bytes of scratch another one needs."""

    function: str
    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One C call. ``scratch`` is in bytes; ``scratch_guard`` is a C constant expression of what the kernel
    needs, checked by the generated code against ``scratch`` with ``_Static_assert``.

    ``from_library`` tells that a linked CMSIS-NN has the function; ``size_query`` asks it at run time for the
    scratch that it needs. ``context_data`` is a table that the ``cmsis_nn_context`` covers instead of scratch.
    ``scratch_alignment`` is what the scratch's start must be a multiple of besides the alignment of pointers;
    ``error`` is the end of the name of the status that a failure has in the generated code.
    """

    function: str
    args: tuple[Arg, ...]
    scratch: int = 0
    scratch_guard: str = ""
    from_library: bool = False
    size_query: SizeQuery | None = None
    context_data: Const | None = None
    scratch_alignment: int = 1
    error: str = "KERNEL"


def ints(**fields: int) -> tuple[tuple[str, FieldValue], ...]:
    """``ints(w=1, h=2)`` as struct fields."""
    return tuple((name, Int(int(value))) for name, value in fields.items())


def nhwc(shape: tuple[int, ...]) -> Struct:
    """A ``cmsis_nn_dims`` of an NHWC shape of rank up to 4; missing leading dimensions are 1."""
    n, h, w, c = (1,) * (4 - len(shape)) + tuple(shape)
    return Struct("cmsis_nn_dims", ints(n=n, h=h, w=w, c=c))
