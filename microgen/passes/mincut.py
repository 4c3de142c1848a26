"""The cheapest cut between two sides of a small network (augmenting paths, shortest first: Edmonds and Karp)."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

SOURCE = "source"
SINK = "sink"


class Network:
    """Directed edges with whole-number capacities between hashable vertices, ``SOURCE`` and ``SINK`` among them."""

    def __init__(self) -> None:
        self._capacity: dict[Hashable, dict[Hashable, int]] = {SOURCE: {}, SINK: {}}

    def edge(self, start: Hashable, end: Hashable, capacity: int) -> None:
        """Cutting ``start`` (source side) from ``end`` (sink side) costs ``capacity`` more."""
        if capacity <= 0 or start == end:
            return
        forward = self._capacity.setdefault(start, {})
        forward[end] = forward.get(end, 0) + capacity
        self._capacity.setdefault(end, {}).setdefault(start, 0)

    def source_side(self) -> set[Hashable]:
        """The vertices on the source's side of a cheapest cut with as few of them as possible."""
        while True:
            parents = self._reached()
            if SINK not in parents:
                return set(parents)
            path = [SINK]
            while path[-1] != SOURCE:
                path.append(parents[path[-1]])  # type: ignore[arg-type]
            steps = list(zip(path[1:], path, strict=False))
            flow = min(self._capacity[a][b] for a, b in steps)
            for a, b in steps:
                self._capacity[a][b] -= flow
                self._capacity[b][a] += flow

    def _reached(self) -> dict[Hashable, Hashable]:
        parents: dict[Hashable, Hashable] = {SOURCE: SOURCE}
        queue: deque[Hashable] = deque([SOURCE])
        while queue:
            vertex = queue.popleft()
            for other, capacity in self._capacity[vertex].items():
                if capacity > 0 and other not in parents:
                    parents[other] = vertex
                    if other == SINK:
                        return parents
                    queue.append(other)
        return parents
