"""The protocol by which hardware and libraries execute parts of a graph, and where they are found.

A delegate is registered under the entry-point group ``microgen.delegates``: the point's name is the path's name
(``--path``), its object is called without arguments and returns a ``Delegate``. Nothing of microgen has to change.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol, TypeAlias, runtime_checkable

from microgen.errors import MicrogenError, UsageError
from microgen.mindir import Array, Graph, Node
from microgen.runtime.session import Session

ENTRY_POINTS = "microgen.delegates"
REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Yes:
    """A delegate takes a node."""


@dataclass(frozen=True, slots=True)
class No:
    """A delegate leaves a node to the reference path, for a reason that a user can read."""

    reason: str


Claim: TypeAlias = Yes | No


@runtime_checkable
class Executable(Protocol):
    """A compiled sub-graph."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The sub-graph's outputs, [samples, *shape] each, for inputs of that form. May be called from many threads."""


@runtime_checkable
class Delegate(Protocol):
    """Executes what it claims.

    ``exact``: integers come out byte for byte as on the reference path; floats may differ by the order of additions.
    """

    name: str
    exact: bool

    def claims(self, node: Node) -> Claim:
        """Whether this delegate executes ``node``."""

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """``subgraph`` ready to run; its inputs and outputs are those of the sub-graph.

        Raises UnsupportedError for what shows up only here, ToolMissing for a program or package that is not there.
        """


@runtime_checkable
class Explains(Protocol):
    """A delegate that can say more of how a sub-graph runs, for ``inspect --path``."""

    def explain(self, subgraph: Graph) -> list[str]:
        """Lines of text. Raises what ``compile`` does."""


class Reference:
    """The path that takes everything: exact, in NumPy."""

    name = REFERENCE
    exact = True

    def claims(self, node: Node) -> Claim:
        """Every node."""
        return Yes()

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        """The graph as it is."""
        return Session(subgraph)


@functools.cache
def _points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def known_paths() -> tuple[str, ...]:
    """The names of every registered path, the reference first."""
    return (REFERENCE, *sorted(_points().keys() - {REFERENCE}))


def find_delegates(names: Iterable[str]) -> list[Delegate]:
    """The delegates of these names in order, each once, and the reference path behind them; see ``find_delegate``."""
    return [find_delegate(name) for name in dict.fromkeys((*names, REFERENCE))]


def find_delegate(name: str) -> Delegate:
    """The delegate of that name.

    Raises UsageError for an unknown one and for a registered object that is no delegate; ToolMissing where what it
    needs is not installed.
    """
    if name == REFERENCE:
        return Reference()
    if name.startswith("qemu:"):
        raise UsageError(
            f"{name} runs whole networks as firmware and has no layers to share out",
            hint=f"Use microgen compare MODEL --paths {name} for its layers' values, microgen verify for its outputs",
        )
    if name not in _points():
        raise UsageError(f"unknown path {name!r}", hint=f"Known are {', '.join(known_paths())}")
    try:
        found = _points()[name].load()()
    except MicrogenError:
        raise
    except (ImportError, AttributeError, TypeError) as error:
        raise UsageError(f"the delegate {name!r} cannot be loaded ({error})") from error
    if not isinstance(found, Delegate):
        raise UsageError(f"what is registered as {name!r} is no delegate")
    return found
