"""What a plan is: the steps in order and where every tensor and scratch area lies in the arena."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microgen.mindir import Graph, Node, Value
from microgen.ops.call import Call, Target

# The function that copies an operand into or out of its node's scratch.
COPY = "mg_copy"


@dataclass(frozen=True, slots=True)
class Step:
    """One node in execution order with its C calls (none for a view) and its scratch.

    ``scratch_bytes`` is the largest scratch of the step's calls, 0 without any; ``scratch_offset`` is where it
    lies in the arena. Scratch belongs to the step alone. ``inner`` are the plans of the operator's sub-graphs, which
    have no states; one after the other has its arena at the scratch's start.
    """

    node: Node
    calls: tuple[Call, ...]
    scratch_bytes: int
    scratch_offset: int
    inner: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph with its memory map.

    ``offsets`` gives the byte offset in the arena of every value that is not a constant, graph inputs and
    outputs included. A view has the offset of the value it shows. ``arena_bytes`` is exact; the arena must be
    aligned to ``alignment`` bytes. ``target`` is what the calls and their scratch were made for. States lie in the
    first ``state_bytes`` of the arena, which nothing else uses; a state is left where it was found. So do the constants
    that ``start`` makes, before the first step and once for all: they have an offset as well.
    """

    graph: Graph
    steps: tuple[Step, ...]
    offsets: Mapping[Value, int]
    arena_bytes: int
    alignment: int
    target: Target
    state_bytes: int = 0
    start: tuple[Step, ...] = ()

    @property
    def made_at_start(self) -> tuple[Value, ...]:
        """The constants that are made once, in RAM."""
        return tuple(step.node.output for step in self.start)
