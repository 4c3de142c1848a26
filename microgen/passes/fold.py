"""Constant folding: what depends on constants only is computed now."""

from __future__ import annotations

import dataclasses

import numpy as np

from microgen.mindir import Graph
from microgen.ops.base import op_of


def fold_constants(graph: Graph) -> bool:
    """Replace the outputs of nodes whose inputs are all constants."""
    changed = False
    for node in graph.nodes:
        operands = [v for v in node.inputs if v is not None]
        if not operands or not all(v.is_const for v in operands):
            continue
        arrays = [None if v is None else v.const[None] for v in node.inputs]
        for value, result in zip(node.outputs, op_of(node).evaluate(node, arrays), strict=True):
            data = np.ascontiguousarray(result[0], dtype=value.type.dtype.numpy)
            graph.replace_value(value, dataclasses.replace(value, data=data))
        graph.remove_nodes([next(n for n in graph.nodes if n.outputs == node.outputs)])
        changed = True
    return changed
