"""Places storages in one arena.

First fit over several orders, then over seeded random neighbours of the best one, until the arena is as small
as the largest sum of what is alive at one step, or the tries are used up. Deterministic. ``check`` proves the
result on its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from microgen.mindir import Graph, Node, Value
from microgen.ops.base import op_of
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.call import Scratch as ScratchPointer
from microgen.plan.lifetime import Storage, alignment, storages
from microgen.plan.model import COPY, Plan, Step
from microgen.plan.rigid import Rigid, Tie, rigid

ARENA_ALIGNMENT = 16
# Work that the random search may do, in placements of one storage against one other.
_SEARCH_BUDGET = 100_000

_ORDERS: tuple[Callable[[Rigid], tuple[int, ...]], ...] = (
    # Large ones first: the usual best.
    lambda s: (-s.size, s.first),
    # Long-lived ones first: keeps a skip connection from splitting the arena.
    lambda s: (s.first - s.last, -s.size),
    # The product of both.
    lambda s: (-s.size * (s.last - s.first + 1), s.first),
    # In order of time: good for plain chains.
    lambda s: (s.first, -s.size),
)

# Operands in scratch that are tried apart from it.
_MOST_TIES = 32


def make_plan(graph: Graph, target: Target, start: Sequence[Node] = ()) -> Plan:
    """Lower every node and give every value that is not a constant its place in the arena.

    ``graph`` is in execution order (see ``schedule``). With and without in-place outputs are both tried:
    merging storages shortens what is alive but may fit less well.

    ``start`` are nodes that may be run once, at the start, to make constants of ``graph`` in RAM (see
    ``microgen.plan.unpack``); they are where a kernel reads the constant as it is.
    """
    calls = {node: _lower(node, target) for node in graph.nodes}
    read = {n.input(arg.index) for n, made in calls.items() for c in made for arg in c.args if isinstance(arg, Input)}
    first = [node for node in start if node.output in read]
    kept = [
        Storage(n.output.type.nbytes, alignment(n.output), -1, len(calls), [n.output], of_state=True) for n in first
    ]
    inner = {node: tuple(make_plan(part, target) for part in op_of(node).graphs) for node in graph.nodes}
    scratch = {node: max((call.scratch for call in calls[node]), default=0) for node in graph.nodes}
    scratch |= {node: max(1, *(plan.arena_bytes for plan in plans)) for node, plans in inner.items() if plans}
    alignments = {node: max((call.scratch_alignment for call in calls[node]), default=1) for node in graph.nodes}
    alignments |= {node: ARENA_ALIGNMENT for node, plans in inner.items() if plans}
    best: tuple[int, dict[Storage, int]] | None = None
    for in_place in (True, False):
        every = storages(graph, scratch, in_place=in_place, alignments=alignments)
        items = [storage for storage in every if not storage.of_state]
        state_bytes, slots = _states([*(storage for storage in every if storage.of_state), *kept])
        size, found = _joined(items, [(n, i) for n in graph.nodes for i in op_of(n).inside(n)])
        offsets = {**slots, **{storage: state_bytes + offset for storage, offset in found.items()}}
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
    steps: list[Step] = []
    for node in graph.nodes:
        offset, needed = scratch_offsets.get(node, 0), scratch[node]
        made = _with_copies(node, calls[node], needed, offset, values)
        steps.append(Step(node, made, needed, offset, inner[node]))
    begin = tuple(Step(node, _lower(node, target), 0, 0) for node in first)
    return Plan(graph, tuple(steps), values, state_bytes + size, ARENA_ALIGNMENT, target, state_bytes, begin)


def _states(slots: Sequence[Storage]) -> tuple[int, dict[Storage, int]]:
    """(bytes of all states, where each lies): one after the other, those of the widest elements first."""
    offsets = {}
    end = 0
    for slot in sorted(slots, key=lambda s: -s.alignment):
        offsets[slot] = end = -(-end // slot.alignment) * slot.alignment
        end += slot.size
    return -(-end // ARENA_ALIGNMENT) * ARENA_ALIGNMENT, offsets


def _lower(node: Node, target: Target) -> tuple[Call, ...]:
    op = op_of(node)
    return () if op.is_view else target.bind(node, op.lower(node, target))


def _joined(items: Sequence[Storage], ties: Sequence[Tie]) -> tuple[int, dict[Storage, int]]:
    """Operands that lie in their node's scratch save copies and mostly memory, but may keep others from better places:
    each of them is tried apart, and stays so where that needs less.
    """
    apart: frozenset[Tie] = frozenset()
    best = _search(rigid(items))
    tried = _search(rigid(items), 0)[0]
    for tie in ties[:_MOST_TIES]:
        size, _ = _search(rigid(items, apart | {tie}), 0)
        if size < tried:
            tried, apart = size, apart | {tie}
    return min(best, _search(rigid(items, apart)), key=lambda found: found[0]) if apart else best


def _with_copies(
    node: Node, calls: tuple[Call, ...], scratch: int, start: int, offsets: Mapping[Value, int]
) -> tuple[Call, ...]:
    """The calls, with copies of the operands that should lie in the node's scratch and do not."""
    before, after = [], []
    for inside in op_of(node).inside(node):
        operand, there = inside.operand, ScratchPointer(inside.offset)
        value = node.input(operand.index) if isinstance(operand, Input) else node.outputs[operand.index]
        size = Int(value.type.nbytes)
        if offsets.get(value) == start + inside.offset:
            continue
        if isinstance(operand, Output):
            after.append(Call(COPY, (there, operand, size), scratch))
        else:
            before.append(Call(COPY, (operand, there, size), scratch))
    return (*before, *calls, *after)


def lower_bound(items: Sequence[Storage]) -> int:
    """The largest sum of sizes alive at one step, each rounded up to its alignment.

    No placement needs less, but for the few bytes of rounding at the arena's end.
    """
    return _bound([Rigid(((storage, 0),)) for storage in items])


def _bound(items: Sequence[Rigid]) -> int:
    steps = {storage.first for item in items for storage, _ in item.members}
    return max((sum(s.alive(step) for s in items if s.first <= step <= s.last) for step in steps), default=0)


def _search(items: Sequence[Rigid], budget: int = _SEARCH_BUDGET) -> tuple[int, dict[Storage, int]]:
    bound = _bound(items)
    rivals = {s: [(o, spans) for o in items if o is not s and (spans := s.taken(o))] for s in items}
    order = min((sorted(items, key=key) for key in _ORDERS), key=lambda o: _first_fit(o, rivals)[0])
    size, offsets = _first_fit(order, rivals)
    effort = sum(map(len, rivals.values()))
    chance = random.Random(0)
    for _ in range(budget // (effort + 1) if effort else 0):
        if size <= bound:
            break
        candidate = list(order)
        for _ in range(chance.randint(1, 3)):
            i, j = chance.randrange(len(candidate)), chance.randrange(len(candidate))
            candidate.insert(j, candidate.pop(i))
        candidate_size, candidate_offsets = _first_fit(candidate, rivals)
        if candidate_size <= size:
            order, size, offsets = candidate, candidate_size, candidate_offsets
    return size, {storage: start + own for item, start in offsets.items() for storage, own in item.members}


#: For each item those alive at the same time, with where it must not start, from their starts.
_Rivals: TypeAlias = "dict[Rigid, list[tuple[Rigid, list[tuple[int, int]]]]]"


def _first_fit(order: Sequence[Rigid], rivals: _Rivals) -> tuple[int, dict[Rigid, int]]:
    """(arena bytes, offsets) when each item takes the lowest place that its placed ``rivals`` leave free."""
    placed: dict[Rigid, int] = {}
    total = 0
    for storage in order:
        taken = sorted(
            (placed[other] + low, placed[other] + high)
            for other, spans in rivals[storage]
            if other in placed
            for low, high in spans
        )
        offset = 0
        for start, end in taken:
            if offset <= start:
                break
            offset = max(offset, -(-end // storage.alignment) * storage.alignment)
        placed[storage] = offset
        total = max(total, offset + storage.size)
    return total, placed
