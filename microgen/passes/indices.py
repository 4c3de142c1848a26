"""Indices that models prepare for operators which do not need that."""

from __future__ import annotations

import dataclasses

import numpy as np

from microgen.mindir import Graph, Value
from microgen.ops.add import Add
from microgen.ops.attributes import Activation
from microgen.ops.comparisons import Less
from microgen.ops.gather import Gather
from microgen.ops.select import Select


def plain_indices(graph: Graph) -> bool:
    """Let a Gather count from the end itself: an embedding of Keras adds the size to negative indices before."""
    changed = False
    for node in graph.nodes:
        if not isinstance(node.op, Gather):
            continue
        size = node.input(0).shape[node.op.axis]
        plain = _before_wrapping(graph, node.input(1), size)
        if plain is not None:
            graph.replace_node(node, dataclasses.replace(node, inputs=(node.input(0), plain)))
            changed = True
    return changed


def _before_wrapping(graph: Graph, value: Value, size: int) -> Value | None:
    """The x of ``x < 0 ? x + size : x`` as which ``value`` is computed."""
    select = graph.producer(value)
    if select is None or not isinstance(select.op, Select):
        return None
    less, add, plain = graph.producer(select.input(0)), graph.producer(select.input(1)), select.input(2)
    if less is None or add is None or not isinstance(less.op, Less) or not isinstance(add.op, Add):
        return None
    if plain.shape != value.shape or plain.type.dtype.is_float or add.op.activation is not Activation.NONE:
        return None
    wrapped = [v for v in add.inputs if v is not plain]
    if less.input(0) is not plain or not _is(less.input(1), 0) or len(wrapped) != 1 or not _is(wrapped[0], size):
        return None
    return plain


def _is(value: Value | None, number: int) -> bool:
    return value is not None and value.is_const and bool(np.all(value.const == number))
