"""Where a network does the same again and again: the steps of an unrolled recurrent layer.

Two nodes are alike when they compute the same of tensors of the same types with the same weights; what they read, and
how that is quantized, may differ. A recurrence is a stretch of nodes that are alike, period by period. The generated C
has one loop for it (``microgen.codegen.rolling``).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from microgen.mindir import Graph, Node, Value
from microgen.ops.base import op_of

# Fewer steps or calls saved than these are not worth a loop.
_MIN_STEPS = 3
_MIN_SAVED = 6
_MAX_PERIOD = 512


@dataclass(frozen=True, slots=True)
class Recurrence:
    """``steps`` times ``period`` nodes from ``first`` on."""

    first: int
    period: int
    steps: int

    @property
    def end(self) -> int:
        """One past the last node."""
        return self.first + self.period * self.steps


def likeness(nodes: Sequence[Node]) -> list[Hashable]:
    """For each node what is equal for nodes that are alike."""
    contents: dict[Value, bytes] = {}

    def weights(node: Node) -> tuple[bytes, ...]:
        if not op_of(node).macs(node):
            return ()
        constants = [v for v in node.inputs[1:2] if v is not None and v.is_const]
        return tuple(contents.setdefault(v, v.const.tobytes()) for v in constants)

    def kind(value: Value | None) -> Hashable:
        return None if value is None else (value.type.dtype, value.shape, value.is_const)

    return [(n.op.name, tuple(map(kind, n.inputs)), tuple(map(kind, n.outputs)), weights(n)) for n in nodes]


def recurrences(keys: Sequence[Hashable], costs: Sequence[int]) -> list[Recurrence]:
    """The recurrences that save most, in order: ``keys`` of nodes that are alike are equal, a node saves its cost."""
    numbers: dict[Hashable, int] = {}
    sequence = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    found: list[Recurrence] = []
    todo = [(0, len(sequence))]
    total = np.concatenate([[0], np.cumsum(np.asarray(costs, np.int64))])
    while todo:
        start, end = todo.pop()
        best = _best(sequence[start:end], total[start : end + 1])
        if best is not None:
            best = Recurrence(best.first + start, best.period, best.steps)
            found.append(best)
            todo += [(start, best.first), (best.end, end)]
    return sorted(found, key=lambda r: r.first)


def _best(
    sequence: np.ndarray[tuple[int], np.dtype[np.int64]], total: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Recurrence | None:
    best, most = None, _MIN_SAVED - 1
    for period in range(1, min(len(sequence) // _MIN_STEPS, _MAX_PERIOD) + 1):
        same = np.concatenate([[0], sequence[period:] == sequence[:-period], [0]]).astype(np.int8)
        edges = np.diff(same)
        for first, last in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            steps = int(last - first) // period + 1
            if steps < _MIN_STEPS:
                continue
            saved = int(total[first + period * steps] - total[first + period])
            if saved > most:
                best, most = Recurrence(int(first), period, steps), saved
    return best


def order_recurrences(graph: Graph) -> bool:
    """Reorder ``graph`` when the steps of its recurrent layers then stand one behind the other; say whether it did.

    Converters mix steps: what depends on the input alone stands first. In the order of need each node stands right
    before the first that reads it.
    """
    before = list(graph.nodes)
    after = _in_order_of_need(graph)
    if _saved(after) <= _saved(before):
        return False
    graph.reorder(after)
    return True


def _saved(nodes: Sequence[Node]) -> int:
    costs = [0 if op_of(node).is_view else 1 for node in nodes]
    return sum(sum(costs[r.first + r.period : r.end]) for r in recurrences(likeness(nodes), costs))


def _in_order_of_need(graph: Graph) -> list[Node]:
    """The nodes from the results on, each behind those that it needs, the longest chain of these first."""
    depth: dict[Node, int] = {}
    needs: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        made = (graph.producer(v) for v in node.inputs if v is not None)
        needs[node] = list(dict.fromkeys(p for p in made if p is not None))
        depth[node] = 1 + max((depth[p] for p in needs[node]), default=0)
        needs[node].sort(key=lambda p: -depth[p])
    order: dict[Node, None] = {}
    ends = [graph.producer(v) for v in graph.results]
    roots = [*(n for n in ends if n is not None), *graph.nodes]
    for root in roots:
        stack = [(root, iter(needs[root]))] if root not in order else []
        while stack:
            node, rest = stack[-1]
            following = next((p for p in rest if p not in order), None)
            if following is None:
                order[node] = None
                stack.pop()
            else:
                stack.append((following, iter(needs[following])))
    return list(order)
