"""MindIR as text: one line per node, the same for the same graph; for tests, errors and ``inspect``."""

from __future__ import annotations

import enum

from microgen.errors import one_line
from microgen.mindir.graph import Graph, Node, Value


def to_text(graph: Graph) -> str:
    """The graph, readable: inputs, constants by type only, nodes with attributes and sub-graphs, outputs.

    Values are numbered in order of appearance (``%0``), so that two graphs of the same structure give the
    same text whatever objects they are made of; the model's own name follows in quotes.
    """
    numbers: dict[Value, str] = {}

    def ref(value: Value | None) -> str:
        if value is None:
            return "_"
        return numbers.setdefault(value, f"%{len(numbers)}")

    def define(value: Value) -> str:
        return f"{ref(value)}: {value.type} {_quote(value.name)}"

    lines = [f"graph {_quote(graph.name)} {{"]
    lines += [f"  input  {define(value)}" for value in graph.inputs]
    lines += [f"  state  {define(state.before)}" for state in graph.states]
    for node in graph.nodes:
        lines += [f"  const  {define(v)}" for v in node.inputs if v is not None and v.is_const and v not in numbers]
        inputs = ", ".join(ref(v) for v in node.inputs)
        outputs = ", ".join(define(v) for v in node.outputs)
        lines.append(f"  {outputs} = {node.op.name}({inputs}){attributes(node)}")
        for part in vars(node.op).values():
            if isinstance(part, Graph):
                lines += [f"    {line}" for line in to_text(part).splitlines()]
    lines += [f"  output {ref(value)}" for value in graph.outputs]
    lines += [f"  state  {ref(state.before)} = {ref(state.after)}" for state in graph.states]
    return "\n".join([*lines, "}"]) + "\n"


def attributes(node: Node) -> str:
    """The operator's attributes as `` {stride=(2, 2), …}``, empty without any."""
    parts = [f"{name}={_show(value)}" for name, value in vars(node.op).items()]
    return f" {{{', '.join(parts)}}}" if parts else ""


def _show(value: object) -> str:
    if isinstance(value, Graph):
        return _quote(value.name)
    return str(value.value) if isinstance(value, enum.Enum) else str(value)


def _quote(name: str) -> str:
    return '"' + one_line(name).replace('"', '\\"') + '"'
