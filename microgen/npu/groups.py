"""Divides a graph between processor and NPU: groups of layers of which each becomes one run of the NPU."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from microgen.mindir import Graph, Node
from microgen.ops.base import op_of

#: Operators that only move data: alone they are no reason to start the NPU.
_MOVES = frozenset({"Concatenation", "Pad", "Slice", "Split"})

# Groups that a node may join: the latest ones.
_TRIED = 8


def group(graph: Graph, wanted: Container[Node]) -> list[list[Node]]:
    """Sets of ``wanted`` nodes that can each run at once, as few as a walk in execution order finds.

    No path leads from a group through other nodes back into it, nor through several groups. Views at the border of a
    group are left out (they cost nothing on the processor), groups that compute nothing too.
    """
    groups: list[list[Node]] = []
    member: dict[Node, int] = {}
    seen: list[Node] = []
    for node in graph.nodes:
        seen.append(node)
        if node not in wanted:
            continue
        for index in range(len(groups) - 1, max(-1, len(groups) - 1 - _TRIED), -1):
            if not _behind(graph, seen, member, index, node):
                member[node] = index
                groups[index].append(node)
                break
        else:
            member[node] = len(groups)
            groups.append([node])
    cut = [_without_border_views(graph, nodes) for nodes in groups]
    return [nodes for nodes in cut if any(_computes(node) for node in nodes)]


def _behind(graph: Graph, seen: Sequence[Node], member: Mapping[Node, int], index: int, node: Node) -> bool:
    """Whether a path leads from the group ``index`` to ``node`` through a node outside of it, groups being points."""
    behind: set[Node] = set()
    groups: set[int] = set()
    while True:
        before = len(behind)
        for other in seen:
            if member.get(other) == index or other in behind:
                continue
            reached = any(
                p in behind or (member.get(p) == index and other is not node) for p in _producers(graph, other)
            )
            if reached or member.get(other, -1) in groups:
                behind.add(other)
                if other in member:
                    groups.add(member[other])
        if len(behind) == before:
            return node in behind


def _producers(graph: Graph, node: Node) -> list[Node]:
    found = (graph.producer(v) for v in node.inputs if v is not None and not v.is_const)
    return [p for p in found if p is not None]


def _computes(node: Node) -> bool:
    return not op_of(node).is_view and node.op.name not in _MOVES


def _without_border_views(graph: Graph, nodes: Sequence[Node]) -> list[Node]:
    kept = set(nodes)
    while True:
        border = {
            node
            for node in kept
            if op_of(node).is_view
            and (
                not any(p in kept for p in _producers(graph, node))
                or not any(user in kept for value in node.outputs for user in graph.users(value))
            )
        }
        if not border:
            return [node for node in nodes if node in kept]
        kept -= border


def in_order(graph: Graph, replaced: Mapping[Node, Node]) -> list[Node]:
    """The nodes of ``graph`` with those in ``replaced`` replaced, each new node once, in an order that can run."""
    units: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        units.setdefault(replaced.get(node, node), []).append(node)
    needed = {unit: {p for n in nodes for p in _producers(graph, n)} - set(nodes) for unit, nodes in units.items()}
    waiting = dict.fromkeys(units)
    done: set[Node] = set()
    order: list[Node] = []
    while waiting:
        ready = next(unit for unit in waiting if needed[unit] <= done)
        del waiting[ready]
        done.update(units[ready])
        order.append(ready)
    return order
