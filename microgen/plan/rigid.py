"""Storages with fixed distances: scratch that holds some of its node's inputs and outputs at given places."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from microgen.mindir import Node
from microgen.ops.base import op_of
from microgen.ops.call import Input, Inside
from microgen.plan.lifetime import Storage

#: A node and an operand that lies in its scratch.
Tie: TypeAlias = tuple[Node, Inside]


@dataclass(eq=False)
class Rigid:
    """Storages that are placed together: ``members`` are each with its offset, the lowest of which is 0.

    Nearly always there is one alone.
    """

    members: tuple[tuple[Storage, int], ...]

    @cached_property
    def size(self) -> int:
        """From the first byte to the last."""
        return max(offset + storage.size for storage, offset in self.members)

    @cached_property
    def alignment(self) -> int:
        """What the start is a multiple of."""
        return max(storage.alignment for storage, _ in self.members)

    @cached_property
    def first(self) -> int:
        """The first step at which a member is alive."""
        return min(storage.first for storage, _ in self.members)

    @cached_property
    def last(self) -> int:
        """The last step at which a member is alive."""
        return max(storage.last for storage, _ in self.members)

    def taken(self, other: Rigid) -> list[tuple[int, int]]:
        """Where this must not start, from the start of ``other``: above the first and below the second number."""
        return [
            (its - own - a.size, its - own + b.size)
            for a, own in self.members
            for b, its in other.members
            if a.overlaps(b)
        ]

    def alive(self, step: int) -> int:
        """Bytes in use at ``step``, rounded up to the alignment."""
        alive = [(s, offset) for s, offset in self.members if s.first <= step <= s.last]
        spans = sorted((offset, offset + -(-s.size // s.alignment) * s.alignment) for s, offset in alive)
        total = end = 0
        for start, stop in spans:
            total += max(0, stop - max(start, end))
            end = max(end, stop)
        return total


def rigid(items: Sequence[Storage], apart: AbstractSet[Tie] = frozenset()) -> list[Rigid]:
    """``items``, joined where a node's scratch holds its inputs or outputs, but for those in ``apart``.

    An input stays apart, and has to be copied, where it is needed later (the call may overwrite it), and an operand
    where its place is already given by another one.
    """
    group = {storage: Rigid(((storage, 0),)) for storage in items}
    home = {value: storage for storage in items for value in storage.values}
    for block in [storage for storage in items if storage.scratch_of is not None]:
        node = block.scratch_of
        assert node is not None
        tied = {block}
        for inside in (i for i in op_of(node).inside(node) if (node, i) not in apart):
            is_input, index = isinstance(inside.operand, Input), inside.operand.index
            storage = home.get(node.input(index) if is_input else node.outputs[index])
            if storage is None or group[storage] is group[block] or (is_input and storage.last > block.last):
                continue
            joined = _joined(group[block], block, group[storage], storage, inside.offset, tied)
            if joined is not None:
                tied.add(storage)
                group.update(dict.fromkeys((member for member, _ in joined.members), joined))
    return list(dict.fromkeys(group[storage] for storage in items))


def _joined(
    one: Rigid, block: Storage, other: Rigid, storage: Storage, offset: int, tied: AbstractSet[Storage]
) -> Rigid | None:
    """Both, with ``storage`` ``offset`` bytes inside of ``block``, as those in ``tied`` are already.

    None where members would collide or be misaligned.
    """
    distance = dict(one.members)[block] + offset - dict(other.members)[storage]
    moved = [(member, at + distance) for member, at in other.members]
    for a, start in one.members:
        for b, its in moved:
            apart = start + a.size <= its or its + b.size <= start
            allowed = b is storage and a in tied and (a is block or _hands_over(a, b, block.first))
            if a.overlaps(b) and not apart and not allowed:
                return None
    lowest = min(0, *(at for _, at in moved))
    members = tuple((member, at - lowest) for member, at in (*one.members, *moved))
    return Rigid(members) if all(at % member.alignment == 0 for member, at in members) else None


def _hands_over(a: Storage, b: Storage, step: int) -> bool:
    """Whether the one is read for the last time at ``step`` and the other written first: a call that finds both in its
    scratch reads and writes them in an order of its own.
    """
    return min(a.last, b.last) == step == max(a.first, b.first)
