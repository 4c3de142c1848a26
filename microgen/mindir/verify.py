"""The verifier: what every graph obeys, before and after every pass."""

from __future__ import annotations

from microgen.errors import VerifyError
from microgen.mindir.graph import Graph, Value


def verify(graph: Graph) -> None:
    """Raise VerifyError unless ``graph`` is well formed.

    Each value has one producer and is computed before it is used; inputs and states are not constants; every node obeys
    its operator's typing rules; there is at least one output and each is an input, a constant or computed; a state is
    left with the type that it was found with.
    """
    defined: set[Value] = set()
    for value in graph.sources:
        if value.is_const:
            raise VerifyError("a graph input is a constant", where=value.name)
        if value in defined:
            raise VerifyError("listed twice among the graph's inputs and states", where=value.name)
        defined.add(value)
    for node in graph.nodes:
        for operand in node.inputs:
            if operand is not None and not operand.is_const and operand not in defined:
                raise VerifyError(f"input {operand.name!r} is used before it is computed", where=node.label)
        if not node.outputs:
            raise VerifyError("has no output", where=node.label)
        for value in node.outputs:
            if value.is_const:
                raise VerifyError(f"writes to constant {value.name!r}", where=node.label)
            if value in defined:
                raise VerifyError(f"{value.name!r} is computed twice", where=node.label)
            defined.add(value)
        node.op.check(node)
    if not graph.outputs:
        raise VerifyError("the graph has no output", where=graph.name)
    for value in graph.results:
        if not value.is_const and value not in defined:
            raise VerifyError("the graph's output is never computed", where=value.name)
    names = [state.name for state in graph.states]
    for state in graph.states:
        if names.count(state.name) > 1:
            raise VerifyError("two states have this name", where=state.name)
        if state.after.type != state.before.type:
            raise VerifyError(f"the state is {state.before.type} and is left as {state.after.type}", where=state.name)
