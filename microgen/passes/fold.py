"""Constant folding: what depends on constants only is computed now."""

from __future__ import annotations

import dataclasses

import numpy as np

from microgen.mindir import Graph, Operator
from microgen.ops.dequantize import Dequantize
from microgen.ops.known import evaluated


def fold_constants(graph: Graph, only: tuple[type[Operator], ...] = (Operator,)) -> bool:
    """Replace the outputs of nodes whose inputs are all constants, of ``only`` some operators.

    Quantized weights that are read as floats keep their integers: ``fold_dequantized`` is for them.
    """
    return _fold(graph, only, (Dequantize,))


def fold_dequantized(graph: Graph) -> bool:
    """Compute the floats of quantized constants for which no integer arithmetic was found."""
    return _fold(graph, (Dequantize,), ())


def _fold(graph: Graph, only: tuple[type[Operator], ...], spared: tuple[type[Operator], ...]) -> bool:
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, only) or isinstance(node.op, spared):
            continue
        # Earlier replacements may have changed this node's inputs.
        producer = graph.producer(node.outputs[0])
        assert producer is not None
        node = producer
        operands = [v for v in node.inputs if v is not None]
        if not operands or not all(v.is_const for v in operands):
            continue
        arrays = [None if v is None else v.const[None] for v in node.inputs]
        for value, result in zip(node.outputs, evaluated(node, arrays), strict=True):
            data = np.ascontiguousarray(result[0], dtype=value.type.dtype.numpy).reshape(value.shape)
            graph.replace_value(value, dataclasses.replace(value, data=data))
        graph.remove_nodes([next(n for n in graph.nodes if n.outputs == node.outputs)])
        changed = True
    return changed
