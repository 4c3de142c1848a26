"""States in order: each is left by a node that can write over what was found."""

from __future__ import annotations

from microgen.mindir import Graph, Node, State, Value
from microgen.ops.base import op_of
from microgen.ops.copy import Copy
from microgen.plan.lifetime import overwritten


def order_states(graph: Graph) -> Graph:
    """A graph in which copies at the end leave those states that no node can leave directly.

    Call it when the order of execution is final. Where a copy reads what a state was found as (two states that change
    places), that is saved before any copy writes.
    """
    direct = overwritten(graph)
    late = [state for state in graph.states if state.after not in direct]
    if not late:
        return graph
    befores = {state.before for state in graph.states}
    nodes = list(graph.nodes)
    saved: dict[State, Value] = {}
    for state in late:
        saved[state] = state.after
        if _root(graph, state.after) in befores:
            saved[state] = Value(f"{state.name}/saved", state.after.type)
            nodes.append(Node(Copy(), (state.after,), (saved[state],), saved[state].name))
    states = {}
    for state in late:
        left = Value(f"{state.name}/left", state.before.type)
        nodes.append(Node(Copy(), (saved[state],), (left,), left.name))
        states[state] = State(state.name, state.before, left, state.initial)
    every = [states.get(state, state) for state in graph.states]
    result = Graph(graph.name, graph.inputs, graph.outputs, nodes, every)
    # A node that read a state late may have kept another from being left directly: all are behind the copies now.
    return order_states(result) if len(overwritten(result)) < len(every) else result


def _root(graph: Graph, value: Value) -> Value:
    """What ``value`` is a view of."""
    node = graph.producer(value)
    return _root(graph, node.input(0)) if node is not None and op_of(node).is_view else value
