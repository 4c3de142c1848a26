"""The order of a file's nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from microgen.errors import InputError, one_line

if TYPE_CHECKING:
    import onnx

_MAX_NESTING = 32


def outer_names(node: onnx.NodeProto) -> tuple[str, ...]:
    """The names that the subgraphs of ``node`` read from around them."""
    names: dict[str, None] = {}
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            names.update(dict.fromkeys(_free(graph, 0)))
    return tuple(names)


def _free(graph: onnx.GraphProto, depth: int) -> list[str]:
    if depth > _MAX_NESTING:
        raise InputError(f"graphs are nested more than {_MAX_NESTING} levels deep")
    inside = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    inside |= {name for node in graph.node for name in node.output}
    reads = [name for node in graph.node for name in node.input if name] + [output.name for output in graph.output]
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                reads += _free(inner, depth + 1)
    return [name for name in reads if name not in inside]


def in_order(nodes: Iterable[onnx.NodeProto], given: Mapping[str, object]) -> list[onnx.NodeProto]:
    """``nodes`` such that tensors are computed before they are read, otherwise in the file's order.

    ``given`` are the names known from the start. Raises InputError when a tensor is computed twice or nodes wait for
    each other.
    """
    every = list(nodes)
    producer: dict[str, int] = {}
    for number, node in enumerate(every):
        for name in filter(None, node.output):
            if name in given or producer.setdefault(name, number) != number:
                raise InputError(f"tensor {one_line(name, 80)!r} is computed twice", where=label_of(node))
    waiting = [{producer[n] for n in (*node.input, *outer_names(node)) if n in producer} for node in every]
    readers: list[list[int]] = [[] for _ in every]
    for number, needed in enumerate(waiting):
        for other in needed:
            readers[other].append(number)
    done = [False] * len(every)
    ordered = []
    for first in range(len(every)):
        ready = [first] if not done[first] and not waiting[first] else []
        while ready:
            number = ready.pop()
            done[number] = True
            ordered.append(every[number])
            for reader in reversed(readers[number]):
                waiting[reader].discard(number)
                # Later nodes come up by themselves; an earlier one was passed over and is due now.
                if not waiting[reader] and reader < first and not done[reader]:
                    ready.append(reader)
    if not all(done):
        raise InputError("this node reads, directly or not, what it computes", where=label_of(every[done.index(False)]))
    return ordered


def label_of(node: onnx.NodeProto) -> str:
    """``name (OPERATOR)`` of a node; one without a name has that of its first output."""
    name = node.name or next(filter(None, node.output), "")
    return f"{one_line(name, 80)} ({one_line(node.op_type, 80)})"
