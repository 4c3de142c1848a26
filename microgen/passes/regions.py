"""Regions of operators that can all work in another layout, and which of them had better do so.

A region grows from a value of which one transposition is at hand (it is the result or the source of a Transpose), over
every operator that can compute its part in the rearranged form. Which of a region's operators are rearranged is a
cheapest cut: a value that one side computes in one form and the other reads in the other costs a transpose.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from microgen.mindir import Graph, Node, Value
from microgen.ops.base import op_of
from microgen.ops.layout import Permutation, Permuted, compose, inverse
from microgen.ops.transpose import Transpose
from microgen.passes.mincut import SINK, SOURCE, Network
from microgen.passes.transposes import (
    identity,
    is_dequantized_constant,
    is_free,
    permutation_of,
    permuted_node,
    same_order,
)

# Ranks above this have too many permutations to try.
_MAX_TRIED_RANK = 5

#: Whether a user of a value takes it in any layout: (graph, user, value, permutation).
Absorbs = Callable[[Graph, Node, Value, Permutation], bool]


@dataclass(slots=True)
class Region:
    """Nodes with their rearranged forms, and the rearrangement of the values between them."""

    forms: dict[Node, Permuted] = field(default_factory=dict)
    labels: dict[Value, Permutation] = field(default_factory=dict)


def grow(graph: Graph, start: Value, label: Permutation) -> Region:
    """The region of the nodes that can take part when ``start`` is transposed by ``label``."""
    region = Region()
    queue: list[tuple[Value, Permutation]] = [(start, label)]
    while queue:
        value, wanted = queue.pop()
        if value.is_const or value in region.labels:
            continue
        region.labels[value] = wanted
        if wanted == identity(len(wanted)):
            continue
        producer = graph.producer(value)
        around = [*graph.users(value), *([] if producer is None else [producer])]
        for node in around:
            if node in region.forms or _is_boundary(node, value, wanted):
                continue
            form = _form(node, value, wanted)
            if form is not None:
                region.forms[node] = form
                queue += _labels(node, form)
    return region


def _labels(node: Node, form: Permuted) -> Iterator[tuple[Value, Permutation]]:
    """The values around ``node`` that are rearranged with it, and how."""
    yield from zip(node.outputs, form.outputs, strict=True)
    for value, label in zip(node.inputs, form.inputs, strict=True):
        if value is not None and label is not None and not value.is_const and len(label) == len(value.shape):
            yield value, label


def _is_boundary(node: Node, value: Value, label: Permutation) -> bool:
    """Whether ``node`` is a transpose that vanishes when ``value`` is rearranged by ``label``."""
    if not isinstance(node.op, Transpose):
        return False
    permutation = permutation_of(node)
    if node.input(0) is value:
        return same_order(value.shape, permutation, label)
    return is_free(node.input(0).shape, compose(permutation, label))


def _form(node: Node, value: Value, label: Permutation) -> Permuted | None:
    """``node`` in the form that takes or gives ``value`` transposed by ``label``; None when there is none."""
    main = next((v for v in node.inputs if v is not None and not v.is_const), None)
    if main is None:
        return None
    rank = len(main.shape)
    guesses: list[Permutation] = [label] if rank == len(label) else []
    if main is not value and rank <= _MAX_TRIED_RANK:
        guesses += [p for p in itertools.permutations(range(rank)) if p != label]
    for guess in guesses:
        form = permuted_node(node, guess)
        if form is None:
            if main is value:
                return None
            continue
        if all(found == label for found in _found(node, form, value)):
            return form
    return None


def _found(node: Node, form: Permuted, value: Value) -> Iterator[Permutation | None]:
    """Every rearrangement of ``value`` that ``form`` asks for or gives."""
    for operand, label in zip(node.inputs, form.inputs, strict=True):
        if operand is value:
            yield label
    for result, given in zip(node.outputs, form.outputs, strict=True):
        if result is value:
            yield given


def choose(graph: Graph, region: Region, absorbs: Absorbs, settled: set[Node]) -> dict[Node, Permuted]:
    """The nodes of ``region`` that are best rearranged, with their forms."""
    network = Network()
    # Bytes count first, then that the operators which work in a layout that no other asks for do not.
    scale = 2 * len(region.forms) + 1
    for node in region.forms:
        if node in settled:
            network.edge(SOURCE, node, 1)
        else:
            network.edge(node, SINK, 1)
    for value, label in region.labels.items():
        if is_free(value.shape, label):
            continue
        _add_value(network, graph, region, absorbs, value, label, value.type.nbytes * scale)
    kept = network.source_side()
    return {node: form for node, form in region.forms.items() if node not in kept}


def _add_value(
    network: Network, graph: Graph, region: Region, absorbs: Absorbs, value: Value, label: Permutation, cost: int
) -> None:
    producer = graph.producer(value)
    if is_dequantized_constant(producer):
        return  # rearranged for free
    if producer in region.forms and producer is not None:
        start: object = _vertex(producer, region, value, label)
    elif producer is not None and _is_boundary(producer, value, label):
        start = SINK
    else:
        start = SOURCE
    ends: list[object] = [SOURCE] if graph.is_output(value) else []
    for user in graph.users(value):
        if user in region.forms:
            ends.append(_vertex(user, region, value, label))
        elif _is_boundary(user, value, label):
            ends.append(SINK)
        elif not absorbs(graph, user, value, inverse(label)):
            ends.append(SOURCE)
    # One transpose serves all users on the other side.
    infinite = 1 << 62
    there, back = (value, "there"), (value, "back")
    if start != SINK:
        network.edge(start, there, cost)
        for end in ends:
            network.edge(there, end, infinite)
    if start != SOURCE:
        network.edge(back, start, cost)
        for end in ends:
            network.edge(end, back, infinite)


def _vertex(node: Node, region: Region, value: Value, label: Permutation) -> object:
    """``node``, or the source where its form has ``value`` in yet another order."""
    agrees = all(
        found is not None and len(found) == len(label) and same_order(value.shape, found, label)
        for found in _found(node, region.forms[node], value)
    )
    return node if agrees else SOURCE


def settled_nodes(graph: Graph) -> set[Node]:
    """The nodes that are connected without a transpose to an operator which works in one layout only."""
    fixed = [node for node in graph.nodes if not isinstance(node.op, Transpose) and not _is_flexible(node)]
    found: set[Node] = set(fixed)
    queue = list(fixed)
    while queue:
        node = queue.pop()
        around: list[Node] = []
        for value in node.outputs:
            around += graph.users(value)
        for operand in node.inputs:
            producer = None if operand is None else graph.producer(operand)
            if producer is not None:
                around.append(producer)
        for other in around:
            if other not in found and not isinstance(other.op, Transpose):
                found.add(other)
                queue.append(other)
    return found


def _is_flexible(node: Node) -> bool:
    """Whether some layout of images besides the present one suits ``node`` as well."""
    main = next((v for v in node.inputs if v is not None and not v.is_const), None)
    if main is None or op_of(node).is_view:
        return True
    rank = len(main.shape)
    return permuted_node(node, (0, *range(2, rank), 1) if rank > 2 else identity(rank)[::-1]) is not None
