"""The arena over time: which bytes hold what, from which step to which."""

from __future__ import annotations

from dataclasses import dataclass

from microgen.mindir import Value
from microgen.plan import Plan


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes ``offset`` to ``offset + size`` of the arena from step ``first`` to ``last``, both inclusive.

    ``kind`` is ``input``, ``output``, ``tensor`` or ``scratch``; inputs are there from step -1, outputs to the step
    after the last. ``layer`` computes it, -1 for an input. ``shared``: it lies over the block that it is made from.
    """

    kind: str
    name: str
    layer: int
    offset: int
    size: int
    first: int
    last: int
    shared: bool = False


def blocks(plan: Plan) -> list[Block]:
    """Every tensor and scratch area of ``plan``, in the order in which they come to be."""
    graph = plan.graph
    end = len(graph.nodes)
    first: dict[Value, int] = dict.fromkeys(graph.inputs, -1)
    last: dict[Value, int] = {}
    for index, node in enumerate(graph.nodes):
        first.update(dict.fromkeys(node.outputs, index))
        last.update({v: index for v in (*node.inputs, *node.outputs) if v is not None and not v.is_const})
    last.update({v: end for v in graph.outputs if not v.is_const})
    found = []
    for value, step in first.items():
        if value not in plan.offsets:
            continue
        kind = "output" if value in graph.outputs else "input" if step < 0 else "tensor"
        size = value.type.nbytes
        lies_over = step >= 0 and any(
            v is not None and plan.offsets.get(v) == plan.offsets[value] for v in graph.nodes[step].inputs
        )
        found.append(Block(kind, value.name, step, plan.offsets[value], size, step, last.get(value, step), lies_over))
    found += [
        Block("scratch", step.node.name, index, step.scratch_offset, step.scratch_bytes, index, index)
        for index, step in enumerate(plan.steps)
        if step.scratch_bytes
    ]
    return sorted(found, key=lambda b: (b.first, b.offset, b.kind))


def live_bytes(found: list[Block], steps: int) -> list[int]:
    """The bytes of the arena that are in use at each of ``steps`` steps; what is shared counts once."""
    return [_union([(b.offset, b.offset + b.size) for b in found if b.first <= s <= b.last]) for s in range(steps)]


def _union(spans: list[tuple[int, int]]) -> int:
    total = reached = 0
    for start, stop in sorted(spans):
        total += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return total
