"""States in order: each is left by a node that can write over what was found."""

from __future__ import annotations

from microgen.mindir import Graph, Node, State, Value
from microgen.ops.base import op_of
from microgen.ops.copy import Copy
from microgen.plan.lifetime import overwritten


def order_states(graph: Graph) -> Graph:
    """A graph in which copies at the end leave those states that no node can leave directly.

    Call it when the order of execution is final. What a copy or the caller reads of what states were found as (two
    states that change places, an output that is an old state) is saved before any copy writes.
    """
    graph = _outputs_saved(graph)
    direct = overwritten(graph)
    late = [state for state in graph.states if state.after not in direct]
    if not late:
        return graph
    found = {state.before for state in graph.states}
    nodes = list(graph.nodes)
    saved: dict[State, Value] = {}
    for state in late:
        saved[state] = state.after
        if _root(graph, state.after) in found:
            saved[state] = Value(f"{state.name}/saved", state.after.type)
            nodes.append(_copy(state.after, saved[state]))
    states = {}
    for state in late:
        left = Value(f"{state.name}/left", state.before.type)
        nodes.append(_copy(saved[state], left))
        states[state] = State(state.name, state.before, left, state.initial)
    every = [states.get(state, state) for state in graph.states]
    result = Graph(graph.name, graph.inputs, graph.outputs, nodes, every)
    # What is saved is read late: another state may no longer be left directly, and gets its copy behind these.
    return order_states(result) if len(overwritten(result)) < len(every) else result


def _outputs_saved(graph: Graph) -> Graph:
    """A graph none of whose outputs is what a state was found as."""
    found = {state.before for state in graph.states}
    nodes, outputs = list(graph.nodes), list(graph.outputs)
    for index, value in enumerate(outputs):
        if _root(graph, value) in found:
            # Under its old name: that of the interface.
            outputs[index] = Value(value.name, value.type)
            nodes.append(_copy(value, outputs[index]))
    return Graph(graph.name, graph.inputs, outputs, nodes, graph.states)


def _copy(source: Value, result: Value) -> Node:
    return Node(Copy(), (source,), (result,), result.name)


def _root(graph: Graph, value: Value) -> Value:
    """What ``value`` is a view of."""
    node = graph.producer(value)
    return _root(graph, node.input(0)) if node is not None and op_of(node).is_view else value
