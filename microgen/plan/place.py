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
from microgen.plan.lifetime import SCRATCH_ALIGNMENT, Storage, storages
from microgen.plan.model import Plan, Step

ARENA_ALIGNMENT = 16
# Work that the random search may do, in placements of one storage against one other.
_SEARCH_BUDGET = 100_000

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
        every = storages(graph, scratch, in_place=in_place)
        items = [storage for storage in every if not storage.of_state]
        state_bytes, slots = _states([storage for storage in every if storage.of_state])
        size, offsets = _search(items)
        offsets = {**slots, **{storage: state_bytes + offset for storage, offset in offsets.items()}}
        if best is None or size < best[0]:
            best = size, offsets
        if size <= lower_bound(items):
            break  # sharing only shortens what is alive: without it, nothing can be smaller
    assert best is not None
    size, offsets = best
    values: dict[Value, int] = {}
    scratch_offsets: dict[Node, int] = {}
    for storage, offset in offsets.items():
        values.update(dict.fromkeys(storage.values, offset))
        if storage.scratch_of is not None:
            scratch_offsets[storage.scratch_of] = offset
    steps = tuple(Step(n, calls[n], scratch[n], scratch_offsets.get(n, 0)) for n in graph.nodes)
    return Plan(graph, steps, values, state_bytes + size, ARENA_ALIGNMENT, target, state_bytes)


def _states(slots: Sequence[Storage]) -> tuple[int, dict[Storage, int]]:
    """(bytes of all states, where each lies): one after the other, those of the widest elements first."""
    offsets = {}
    end = 0
    for slot in sorted(slots, key=lambda s: -s.alignment):
        offsets[slot] = end = -(-end // slot.alignment) * slot.alignment
        end += slot.size
    return -(-end // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT, offsets


def _lower(node: Node, target: Target) -> tuple[Call, ...]:
    op = op_of(node)
    return () if op.is_view else target.bind(node, op.lower(node, target))


def lower_bound(items: Sequence[Storage]) -> int:
    """The largest sum of sizes alive at one step, each rounded up to its alignment.

    No placement needs less, but for the few bytes of rounding at the arena's end.
    """
    steps = {s.first for s in items}
    rounded = [(s, -(-s.size // s.alignment) * s.alignment) for s in items]
    return max((sum(size for s, size in rounded if s.first <= step <= s.last) for step in steps), default=0)


def _search(items: Sequence[Storage]) -> tuple[int, dict[Storage, int]]:
    bound = lower_bound(items)
    rivals = {s: [o for o in items if o is not s and o.overlaps(s)] for s in items}
    order = min((sorted(items, key=key) for key in _ORDERS), key=lambda o: _first_fit(o, rivals)[0])
    size, offsets = _first_fit(order, rivals)
    effort = sum(map(len, rivals.values()))
    chance = random.Random(0)
    for _ in range(_SEARCH_BUDGET // (effort + 1) if effort else 0):
        if size <= bound:
            break
        candidate = list(order)
        for _ in range(chance.randint(1, 3)):
            i, j = chance.randrange(len(candidate)), chance.randrange(len(candidate))
            candidate.insert(j, candidate.pop(i))
        candidate_size, candidate_offsets = _first_fit(candidate, rivals)
        if candidate_size <= size:
            order, size, offsets = candidate, candidate_size, candidate_offsets
    return size, offsets


def _first_fit(order: Sequence[Storage], rivals: dict[Storage, list[Storage]]) -> tuple[int, dict[Storage, int]]:
    """(arena bytes, offsets) when each storage takes the lowest place that its placed ``rivals`` leave free."""
    placed: dict[Storage, int] = {}
    total = 0
    for storage in order:
        taken = sorted((placed[other], placed[other] + other.size) for other in rivals[storage] if other in placed)
        offset = 0
        for start, end in taken:
            if offset + storage.size <= start:
                break
            offset = max(offset, -(-end // storage.alignment) * storage.alignment)
        placed[storage] = offset
        total = max(total, offset + storage.size)
    return total, placed
