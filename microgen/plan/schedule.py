"""Chooses the order of execution: the model's own unless another keeps less alive at once."""

from __future__ import annotations

from microgen.mindir import Graph, Node, Value
from microgen.ops.base import op_of


def schedule(graph: Graph) -> bool:
    """Reorder ``graph`` when a greedy order needs less memory; say whether it did.

    The greedy order always runs the ready node after which the fewest bytes are alive; ties go to the model's
    order, so that a plain chain never changes.
    """
    before = list(graph.nodes)
    order = _greedy(graph)
    if _peak(graph, order) >= _peak(graph, before):
        return False
    graph.reorder(order)
    return True


def _greedy(graph: Graph) -> list[Node]:
    waiting = list(graph.nodes)
    readers = {value: len(graph.users(value)) + graph.is_output(value) for value in graph.values()}
    ready = set(graph.sources)
    order: list[Node] = []
    while waiting:
        candidates = [n for n in waiting if all(v is None or v.is_const or v in ready for v in n.inputs)]
        node = min(candidates, key=lambda n: _growth(n, readers))  # min() keeps the first of equals
        waiting.remove(node)
        order.append(node)
        ready.update(node.outputs)
        for value in _distinct_inputs(node):
            readers[value] -= 1
    return order


def _growth(node: Node, readers: dict[Value, int]) -> int:
    """Bytes alive after ``node`` minus before."""
    if op_of(node).is_view:
        return 0
    freed = sum(v.type.nbytes for v in _distinct_inputs(node) if readers[v] == 1)
    return sum(v.type.nbytes for v in node.outputs) - freed


def _distinct_inputs(node: Node) -> list[Value]:
    return [v for v in dict.fromkeys(node.inputs) if v is not None and not v.is_const]


def _peak(graph: Graph, order: list[Node]) -> int:
    """The most bytes alive at one step of ``order``, views counted once, scratch and in-place left out."""
    root: dict[Value, Value] = {}
    for node in order:
        for value in node.outputs:
            source = node.input(0)
            root[value] = root.get(source, source) if op_of(node).is_view else value
    end = len(order)
    last: dict[Value, int] = {}
    for step, node in enumerate(order):
        for value in _distinct_inputs(node):
            last[root.get(value, value)] = step
    for value in graph.results:
        last[root.get(value, value)] = end
    alive = {value: value.type.nbytes for value in graph.sources}
    peak = sum(alive.values())
    for step, node in enumerate(order):
        alive.update({root[v]: v.type.nbytes for v in node.outputs if root[v] is v})
        peak = max(peak, sum(alive.values()))
        alive = {v: size for v, size in alive.items() if last.get(v, -1) > step}
    return peak
