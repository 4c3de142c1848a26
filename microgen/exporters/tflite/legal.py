"""Rewrites what TensorFlow Lite or its reference interpreter lacks into what they have."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from microgen.exporters.tflite import arithmetic, functions, movement
from microgen.exporters.tflite.nodes import Nodes, Rule
from microgen.mindir import Graph, Node, verify
from microgen.ops.base import Op
from microgen.ops.unary import Unary

_RULES: Mapping[str, Rule] = {**arithmetic.RULES, **functions.RULES, **movement.RULES}


def legalize(graph: Graph) -> Graph:
    """A graph of the same inputs and outputs whose nodes a .tflite file can hold; ``graph`` itself if it can.

    - explicit padding becomes PAD (or, of a maximum, PADV2 with the lowest value), what a transposed convolution cuts
      off becomes SLICE;
    - a function of one int8 tensor that the reference interpreter lacks becomes a look-up: CAST to int32, ADD 128,
      GATHER from the 256 results;
    - choices of elements that are known beforehand become GATHER, those of a triangle SELECT_V2;
    - operators along another dimension than the last stand between transposes;
    - float functions that the format lacks become formulas;
    - sub-graphs are rewritten likewise;
    - layer normalizations and divisions of int8 tensors become float operators in front of QUANTIZE, whose results can
      differ by one step.

    The int8 results of all but the last keep every bit. Nodes for which there is no rule stay; the writer then says
    what is wrong.
    """
    replaced = graph.copy()
    changed = False
    for node in graph.nodes:
        made = _legal(node)
        if made != [node]:
            replaced.replace_node(node, *made)
            changed = True
    if not changed:
        return graph
    verify(replaced)
    return replaced


def _legal(node: Node) -> list[Node]:
    """What takes the place of ``node``; rules may make use of others, never of themselves."""
    rule = _rule(node.op)
    made = None if rule is None else rule(Nodes(node))
    if isinstance(node.op, Op) and node.op.graphs:
        parts = [legalize(part) for part in node.op.graphs]
        if any(one is not other for one, other in zip(parts, node.op.graphs, strict=True)):
            return [dataclasses.replace(node, op=node.op.with_graphs(parts))]
    return [node] if made is None else [part for one in made for part in _legal(one)]


def _rule(op: object) -> Rule | None:
    found = _RULES.get(op.name) if isinstance(op, Op) else None
    return functions.function if found is None and isinstance(op, Unary) else found
