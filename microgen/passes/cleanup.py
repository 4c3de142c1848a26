"""Dead code, chains of views, nodes that do nothing or too much."""

from __future__ import annotations

import dataclasses

from microgen.mindir import Graph, Value
from microgen.ops.base import op_of
from microgen.ops.reshape import Reshape


def remove_dead_code(graph: Graph) -> bool:
    """Remove nodes none of whose outputs is used, and states that no output ever depends on."""
    needed: set[Value] = set(graph.outputs)
    before = -1
    while len(needed) > before:
        before = len(needed)
        needed.update(state.after for state in graph.states if state.before in needed)
        for node in reversed(graph.nodes):
            if not needed.isdisjoint(node.outputs):
                needed.update(v for v in node.inputs if v is not None)
    unread = [state for state in graph.states if state.before not in needed]
    dead = [node for node in graph.nodes if needed.isdisjoint(node.outputs)]
    if unread:
        graph.remove_states(unread)
    if dead:
        graph.remove_nodes(dead)
    return bool(dead or unread)


def fold_states(graph: Graph) -> bool:
    """Make constants of states that are always left as they were found at first."""
    changed = False
    for state in graph.states:
        after = state.after
        if after is state.before or (after.is_const and after.const.tobytes() == state.initial.tobytes()):
            graph.remove_states([state])
            graph.replace_value(state.before, dataclasses.replace(state.before, data=state.initial))
            changed = True
    return changed


def merge_views(graph: Graph) -> bool:
    """Let a view of a view look at the original: reshape(reshape(x)) is one reshape, as is any other pair."""
    changed = False
    for node in graph.nodes:
        if not op_of(node).is_view:
            continue
        # Nodes before this one may have changed its input.
        node = next(n for n in graph.nodes if n.outputs == node.outputs)
        inner = graph.producer(node.input(0))
        if inner is None or not op_of(inner).is_view:
            continue
        # Other views than Reshape mean something else on another shape.
        op = node.op if isinstance(node.op, Reshape) else Reshape(node.output.shape)
        graph.replace_node(node, dataclasses.replace(node, op=op, inputs=inner.inputs))
        changed = True
    return changed


def simplify_operators(graph: Graph) -> bool:
    """Replace nodes by cheaper ones of the same outputs, where their operators know such."""
    changed = False
    for node in graph.nodes:
        simpler = op_of(node).simplified(node)
        if simpler is not None:
            graph.replace_node(node, simpler)
            changed = True
    return changed


def drop_identities(graph: Graph) -> bool:
    """Remove nodes whose output is their input, bit for bit.

    A graph output keeps its value: the input's producer then computes it directly. An identity between a
    graph input (or another output) and a graph output stays, for the caller reads both.
    """
    changed = False
    for node in graph.nodes:
        if not op_of(node).is_identity(node):
            continue
        # Those before this one may have changed its input.
        node = next(n for n in graph.nodes if n.outputs == node.outputs)
        source, result = node.input(0), node.output
        if not graph.is_output(result):
            graph.replace_value(result, source)
            graph.remove_nodes([n for n in graph.nodes if n.outputs == (result,)])
            changed = True
            continue
        producer = graph.producer(source)
        if producer is None or graph.is_output(source):
            continue
        outputs = tuple(result if v is source else v for v in producer.outputs)
        graph.remove_nodes([node])
        graph.replace_node(producer, dataclasses.replace(producer, outputs=outputs))
        graph.replace_value(source, result)
        changed = True
    return changed
