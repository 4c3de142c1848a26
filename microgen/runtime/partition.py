"""Groups the nodes that one delegate claims into sub-graphs that can run as wholes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from microgen.mindir import Graph, Node, Value
from microgen.runtime.delegate import Delegate, No, Yes


@dataclass(frozen=True, slots=True)
class Part:
    """Nodes that ``delegate`` runs together. ``graph``'s inputs and outputs are the values that cross its border."""

    delegate: Delegate
    graph: Graph


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who runs a node, and why not those that were asked before (delegate's name, reason)."""

    node: Node
    delegate: Delegate
    refusals: tuple[tuple[str, str], ...]


def assign(graph: Graph, delegates: Sequence[Delegate]) -> list[Assignment]:
    """The first delegate, in order of preference, that claims each node; the last one must claim everything."""
    found = []
    for node in graph.nodes:
        refusals: list[tuple[str, str]] = []
        for delegate in delegates:
            match delegate.claims(node):
                case Yes():
                    found.append(Assignment(node, delegate, tuple(refusals)))
                    break
                case No(reason):
                    refusals.append((delegate.name, reason))
        else:
            raise AssertionError(f"no delegate takes {node.label}")
    return found


def partition(graph: Graph, assignments: Sequence[Assignment]) -> list[Part]:
    """Sub-graphs in an order in which each has its inputs.

    A node's level is the greatest number of changes of delegate on any path to it. Nodes of one delegate and one level
    never need each other through another delegate, so they form a sub-graph; levels give the order.
    """
    owner = {a.node: a.delegate for a in assignments}
    level: dict[Node, int] = {}
    for node in graph.nodes:
        before = [graph.producer(v) for v in node.inputs if v is not None and not v.is_const]
        level[node] = max(
            (level[p] + (owner[p] is not owner[node]) for p in before if p is not None),
            default=0,
        )
    groups: dict[tuple[int, int], list[Node]] = {}
    order = {id(delegate): i for i, delegate in enumerate(dict.fromkeys(owner.values()))}
    for node in graph.nodes:
        groups.setdefault((level[node], order[id(owner[node])]), []).append(node)
    return [Part(owner[nodes[0]], subgraph(graph, nodes)) for _, nodes in sorted(groups.items(), key=lambda g: g[0])]


def subgraph(graph: Graph, nodes: Sequence[Node]) -> Graph:
    """``nodes`` of ``graph`` as a graph of their own, whose inputs and outputs are the values that cross its border."""
    inside = set(nodes)
    inputs = dict.fromkeys(
        v for node in nodes for v in node.inputs if v is not None and not v.is_const and graph.producer(v) not in inside
    )
    outputs: list[Value] = [
        v
        for node in nodes
        for v in node.outputs
        if graph.is_output(v) or any(user not in inside for user in graph.users(v))
    ]
    return Graph(graph.name, inputs, outputs, nodes)
