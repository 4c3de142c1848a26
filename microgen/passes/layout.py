"""Changes of layout: transposes move through the graph until they meet and cancel.

Source formats with channels in front bring a Transpose before and behind every operator on images. ``sink_transposes``
lets whole regions of operators that work in any layout change it, where that leaves fewer bytes to be moved by
transposes. Every step lowers (bytes moved, number of transposes, operators in a layout that no neighbour asks for),
so that the pass ends.
"""

from __future__ import annotations

import dataclasses

from microgen.mindir import Graph, Node, Value, verify
from microgen.ops.base import op_of
from microgen.ops.layout import Permutation, Permuted, compose, inverse
from microgen.ops.reshape import Reshape
from microgen.ops.transpose import Transpose
from microgen.passes.cleanup import drop_identities, remove_dead_code
from microgen.passes.dense import absorbs
from microgen.passes.fold import fold_constants
from microgen.passes.regions import Region, choose, grow, settled_nodes
from microgen.passes.transposes import (
    identity,
    lifted_type,
    merge_transposes,
    permutation_of,
    permuted_constant,
    permuted_node,
    permuted_type,
    transposes,
)


def sink_transposes(graph: Graph) -> bool:
    """Move transposes through operators to where they cancel, fold or cost least."""
    if not transposes(graph):
        return False
    changed = False
    cost = _cost(graph)
    while (better := _improved(graph, cost)) is not None:
        _become(graph, better)
        cost, changed = _cost(graph), True
    return changed


def _improved(graph: Graph, cost: tuple[int, ...]) -> Graph | None:
    """``graph`` after the first set of moves that lowers its cost; None when there is none."""
    settled = settled_nodes(graph)
    moves = [m for m in (choose(graph, region, absorbs, settled) for region in _regions(graph)) if m]
    disjoint: dict[Node, Permuted] = {}
    for move in moves:
        if disjoint.keys().isdisjoint(move):
            disjoint.update(move)
    for move in ([disjoint] if len(moves) > 1 else []) + moves:
        trial = rearranged(graph, move)
        _clean(trial)
        if _cost(trial) < cost:
            _separate_names(trial)
            verify(trial)
            return trial
    return None


def _regions(graph: Graph) -> list[Region]:
    """A region for each side of every transpose, without repetition."""
    seen: set[tuple[Value, Permutation]] = set()
    regions = []
    for node in transposes(graph):
        permutation = permutation_of(node)
        for start, label in ((node.output, inverse(permutation)), (node.input(0), permutation)):
            if (start, label) in seen:
                continue
            region = grow(graph, start, label)
            seen |= region.labels.items()
            if region.forms:
                regions.append(region)
    return regions


def _become(graph: Graph, other: Graph) -> None:
    """Give ``graph`` the nodes of ``other``, which has the same sources and results."""
    assert graph.results == other.results
    first, *rest = graph.nodes
    graph.remove_nodes(rest)
    graph.replace_node(first, *other.nodes)


def _clean(graph: Graph) -> None:
    """Merge, fold and remove what a rewrite has left behind."""
    while merge_transposes(graph) | fold_constants(graph, (Transpose,)) | drop_identities(graph):
        pass
    remove_dead_code(graph)


def _separate_names(graph: Graph) -> None:
    """Let no transpose give its result the name of the value that it rearranges; graph outputs keep theirs."""
    for node in graph.nodes:
        if not isinstance(node.op, Transpose) or node.input(0).name != node.output.name:
            continue
        source, result = node.input(0), node.output
        if not graph.is_output(result):
            old, new = result, dataclasses.replace(result, name=f"{result.name}/transposed")
        else:
            old, new = source, dataclasses.replace(source, name=f"{source.name}/rearranged")
        producer = graph.producer(old)
        if producer is None or graph.is_output(old):
            continue
        outputs = tuple(new if v is old else v for v in producer.outputs)
        graph.replace_node(producer, dataclasses.replace(producer, outputs=outputs))
        graph.replace_value(old, new)


def _cost(graph: Graph) -> tuple[int, ...]:
    """(bytes that transposes move, their number, operators in a layout that no neighbour asks for)."""
    paid = [
        node
        for node in transposes(graph)
        if graph.is_output(node.output)
        or not graph.users(node.output)
        or not all(absorbs(graph, user, node.output, permutation_of(node)) for user in graph.users(node.output))
    ]
    settled = settled_nodes(graph)
    odd = sum(
        node not in settled and not isinstance(node.op, Transpose) and not op_of(node).is_view for node in graph.nodes
    )
    return sum(node.output.type.nbytes for node in paid), len(paid), odd


def rearranged(graph: Graph, forms: dict[Node, Permuted]) -> Graph:
    """``graph`` with the nodes of ``forms`` in their rearranged form and transposes where they meet the others."""
    nodes: list[Node] = []
    moved: dict[Value, tuple[Value, Permutation]] = {}
    known: dict[tuple[Value, Permutation], Value] = {}

    def arranged(value: Value, wanted: Permutation) -> Value:
        """``value``, as the graph has it, transposed by ``wanted``."""
        if value.is_const:
            return value if wanted == identity(len(value.shape)) else permuted_constant(value, wanted)
        if (found := known.get((value, wanted))) is not None:
            return found
        source, permutation = value, wanted
        if value in moved:
            source, present = moved[value]
            if len(present) == len(wanted):
                permutation = compose(inverse(present), wanted)
            else:
                source = arranged(value, identity(len(value.shape)))
        if len(source.shape) < len(permutation):
            kind = lifted_type(source.type, len(permutation))
            lifted = Value(f"{source.name}/shape", kind)
            nodes.append(Node(Reshape(kind.shape), (source,), (lifted,), lifted.name))
            source = lifted
        if permutation == identity(len(permutation)):
            result = source
        elif wanted == identity(len(wanted)) and value in moved:
            result = value
            nodes.append(Node(Transpose(permutation), (source,), (result,), f"{value.name}/transpose"))
        else:
            result = Value(f"{value.name}/transposed", permuted_type(source.type, permutation))
            nodes.append(Node(Transpose(permutation), (source,), (result,), result.name))
        known[value, wanted] = result
        return result

    def plain(value: Value) -> Value:
        return arranged(value, identity(len(value.shape))) if value in moved else value

    for node in graph.nodes:
        form = forms.get(node)
        if form is None:
            inputs = tuple(None if v is None else plain(v) for v in node.inputs)
            nodes.append(node if inputs == node.inputs else dataclasses.replace(node, inputs=inputs))
            continue
        operands = tuple(
            v if v is None or label is None else arranged(v, label)
            for v, label in zip(node.inputs, form.inputs, strict=True)
        )
        operands = tuple(
            plain(v) if v is not None and label is None else v for v, label in zip(operands, form.inputs, strict=True)
        )
        results = []
        for value, label in zip(node.outputs, form.outputs, strict=True):
            if label == identity(len(label)):
                results.append(value)
                continue
            result = Value(value.name, permuted_type(value.type, label))
            moved[value] = result, label
            results.append(result)
        nodes.append(Node(form.op, operands, tuple(results), node.name))
    for value in graph.results:
        plain(value)
    return Graph(graph.name, graph.inputs, graph.outputs, nodes, graph.states)


def _transposes_at_borders(graph: Graph) -> Graph:
    """A copy with transposes moved to the graph's inputs and outputs where only functions of one tensor, such as
    Quantize and Dequantize, stand between.
    """
    forms: dict[Node, Permuted] = {}
    for value in graph.inputs:
        chain: list[Node] = []
        users = graph.users(value)
        while len(users) == 1 and not graph.is_output(value) and not isinstance(users[0].op, Transpose):
            chain.append(users[0])
            if len(users[0].outputs) != 1:
                break
            value = users[0].output
            users = graph.users(value)
        permutations = {permutation_of(user) if isinstance(user.op, Transpose) else None for user in users}
        if len(permutations) == 1 and not graph.is_output(value):
            _add_forms(forms, chain, permutations.pop())
    for value in graph.outputs:
        chain, node = [], graph.producer(value)
        while node is not None and not isinstance(node.op, Transpose) and len(node.inputs) == 1:
            chain.append(node)
            node = graph.producer(node.input(0)) if graph.sole_user(node.input(0)) is node else None
        if node is not None and isinstance(node.op, Transpose) and not graph.users(value):
            _add_forms(forms, chain, inverse(permutation_of(node)))
    result = rearranged(graph, forms) if forms else graph.copy()
    _clean(result)
    _separate_names(result)
    return result


def _add_forms(forms: dict[Node, Permuted], chain: list[Node], permutation: Permutation | None) -> None:
    """Add the forms of ``chain``'s nodes, if each merely passes ``permutation`` on."""
    if permutation is None:
        return
    found: dict[Node, Permuted] = {}
    for node in chain:
        form = permuted_node(node, permutation) if len(node.inputs) == 1 else None
        if form is None or form.outputs != (permutation,):
            return
        found[node] = form
    forms.update(found)


def absorb_border_transposes(graph: Graph) -> tuple[Graph, dict[str, Permutation]]:
    """A copy without the transposes directly behind inputs and before outputs, and what became of the interface.

    For each input and output that changed, by name: ``compiled = source.transpose(permutation)``. An input changes
    when everything that reads it is the same transpose, an output when nothing else reads it.
    """
    graph = _transposes_at_borders(graph)
    changed: dict[str, Permutation] = {}
    inputs = list(graph.inputs)
    for index, value in enumerate(inputs):
        users = graph.users(value)
        if not users or graph.is_output(value) or not all(isinstance(u.op, Transpose) for u in users):
            continue
        permutations = {permutation_of(user) for user in users}
        if len(permutations) > 1 or any(graph.is_output(user.output) for user in users):
            continue
        permutation = permutations.pop()
        inputs[index] = Value(value.name, permuted_type(value.type, permutation))
        for user in users:
            graph.replace_value(user.output, inputs[index])
        graph.remove_nodes([n for n in graph.nodes if n.inputs == (value,)])
        changed[value.name] = permutation
    graph = Graph(graph.name, inputs, graph.outputs, graph.nodes, graph.states)
    for value in graph.outputs:
        node = graph.producer(value)
        if node is None or not isinstance(node.op, Transpose) or graph.users(value) or value.name in changed:
            continue
        source = node.input(0)
        producer = graph.producer(source)
        if producer is None or graph.is_output(source) or graph.results.count(value) > 1:
            continue
        result = Value(value.name, source.type)
        outputs = tuple(result if v is source else v for v in producer.outputs)
        graph.remove_nodes([node])
        graph.replace_node(producer, dataclasses.replace(producer, outputs=outputs))
        graph.replace_value(source, result)
        graph.replace_value(value, result)
        changed[value.name] = inverse(permutation_of(node))
    verify(graph)
    return graph, changed
