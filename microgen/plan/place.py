"""Places storages in one arena.

First fit over several orders, then over seeded random neighbours of the best one, until the arena is as small
as the largest sum of what is alive at one step, or the tries are used up. Deterministic. ``check`` proves the
result on its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from microgen.mindir import Graph, Node, Value
from microgen.ops.base import op_of
from microgen.ops.call import Call, Target
from microgen.plan.lifetime import Storage, storages
from microgen.plan.model import Plan, Step

ARENA_ALIGNMENT = 16
_TRIES = 3000

_ORDERS: tuple[Callable[[Storage], tuple[int, ...]], ...] = (
    # Large ones first: the usual best.
    lambda s: (-s.size, s.first),
    # Long-lived ones first: keeps a skip connection from splitting the arena.
    lambda s: (s.first - s.last, -s.size),
    # The product of both.
    lambda s: (-s.size * (s.last - s.first + 1), s.first),
    # In order of time: good for plain chains.
    lambda s: (s.first, -s.size),
)


def make_plan(graph: Graph, target: Target) -> Plan:
    """Lower every node and give every value that is not a constant its place in the arena.

    ``graph`` is in execution order (see ``schedule``). With and without in-place outputs are both tried:
    merging storages shortens what is alive but may fit less well.
    """
    calls = {node: _lower(node, target) for node in graph.nodes}
    scratch = {node: max((call.scratch for call in calls[node]), default=0) for node in graph.nodes}
    best: tuple[int, dict[Storage, int]] | None = None
    for in_place in (True, False):
        items = storages(graph, scratch, in_place=in_place)
        size, offsets = _search(items)
        if best is None or size < best[0]:
            best = size, offsets
    assert best is not None
    size, offsets = best
    values: dict[Value, int] = {}
    scratch_offsets: dict[Node, int] = {}
    for storage, offset in offsets.items():
        values.update(dict.fromkeys(storage.values, offset))
        if storage.scratch_of is not None:
            scratch_offsets[storage.scratch_of] = offset
    steps = tuple(Step(n, calls[n], scratch[n], scratch_offsets.get(n, 0)) for n in graph.nodes)
    return Plan(graph, steps, values, size, ARENA_ALIGNMENT)


def _lower(node: Node, target: Target) -> tuple[Call, ...]:
    op = op_of(node)
    return () if op.is_view else op.lower(node, target)


def lower_bound(items: Sequence[Storage]) -> int:
    """The largest sum of sizes alive at one step: no placement needs less."""
    steps = {s.first for s in items}
    return max((sum(s.size for s in items if s.first <= step <= s.last) for step in steps), default=0)


def _search(items: Sequence[Storage]) -> tuple[int, dict[Storage, int]]:
    bound = lower_bound(items)
    order = min((sorted(items, key=key) for key in _ORDERS), key=lambda o: _first_fit(o)[0])
    size, offsets = _first_fit(order)
    chance = random.Random(0)
    for _ in range(_TRIES if len(items) > 1 else 0):
        if size <= bound:
            break
        candidate = list(order)
        for _ in range(chance.randint(1, 3)):
            i, j = chance.randrange(len(candidate)), chance.randrange(len(candidate))
            candidate.insert(j, candidate.pop(i))
        candidate_size, candidate_offsets = _first_fit(candidate)
        if candidate_size <= size:
            order, size, offsets = candidate, candidate_size, candidate_offsets
    return size, offsets


def _first_fit(order: Sequence[Storage]) -> tuple[int, dict[Storage, int]]:
    """(arena bytes, offsets) when each storage takes the lowest free place in turn."""
    placed: dict[Storage, int] = {}
    total = 0
    for storage in order:
        taken = sorted((offset, offset + other.size) for other, offset in placed.items() if other.overlaps(storage))
        offset = 0
        for start, end in taken:
            if offset + storage.size <= start:
                break
            offset = max(offset, -(-end // storage.alignment) * storage.alignment)
        placed[storage] = offset
        total = max(total, offset + storage.size)
    return total, placed
