"""What operators tell the layout and clean-up passes is true of every sample: results of rearranged operands are the
rearranged results, simpler nodes compute the same, identities change nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microgen.mindir import Node, QuantParams, TensorType, Value
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.layout import Permutation
from microgen.ops.registry import operators
from tests.support.stream_inputs import inputs_for
from tests.support.tolerance import assert_close

Array = NDArray[Any]


def operands(sample: Sample) -> list[Array | None]:
    """Values for the inputs of a sample's node, with a leading sample axis."""
    (node,) = sample.graph.nodes
    given = dict(zip(sample.graph.sources, inputs_for(sample.graph), strict=True))
    return [None if v is None else v.const[np.newaxis] if v.is_const else given[v] for v in node.inputs]


def permutations(rank: int) -> Iterator[Permutation]:
    """Some permutations of a rank: all of few dimensions."""
    every = list(itertools.permutations(range(rank)))
    yield from every[:: max(1, len(every) // 12)]


def arranged(array: Array, permutation: Permutation) -> Array:
    """An operand with its dimensions rearranged, behind leading ones of length 1 where it has too few."""
    missing = len(permutation) + 1 - array.ndim
    full = array.reshape(array.shape[0], *(1,) * missing, *array.shape[1:])
    return full.transpose(0, *(i + 1 for i in permutation))


def rearranged(value: Value, permutation: Permutation) -> Value:
    """``value`` as ``arranged`` gives it."""
    shape = arranged(np.empty((1, *value.shape), np.bool_), permutation).shape[1:]
    quant = value.type.quant
    if quant is not None and quant.axis is not None:
        axis = permutation.index(quant.axis + len(permutation) - len(value.shape))
        quant = QuantParams(quant.scales, quant.zero_points, axis)
    data = None if value.data is None else np.ascontiguousarray(arranged(value.const[None], permutation)[0])
    return Value(value.name, TensorType(value.type.dtype, shape, quant), data)


def check_permuted(sample: Sample) -> int:
    """How many permutations of its operands an operator takes."""
    (node,) = sample.graph.nodes
    first = next((v for v in node.inputs if v is not None and not v.is_const), None)
    if first is None:
        return 0
    arrays = operands(sample)
    expected = op_of(node).evaluate(node, arrays)
    taken = 0
    for permutation in permutations(len(first.shape)):
        moved = op_of(node).permuted(node, permutation)
        if moved is None:
            continue
        taken += 1
        assert len(moved.inputs) == len(node.inputs) and len(moved.outputs) == len(node.outputs)
        pairs = list(zip(node.inputs, arrays, moved.inputs, strict=True))
        assert next(p for v, _, p in pairs if v is not None and not v.is_const) == permutation
        values = tuple(v if v is None or p is None else rearranged(v, p) for v, _, p in pairs)
        given = [a if a is None or p is None else arranged(a, p) for _, a, p in pairs]
        outputs = tuple(rearranged(v, p) for v, p in zip(node.outputs, moved.outputs, strict=True))
        other = Node(moved.op, values, outputs, node.name)
        moved.op.check(other)
        found = moved.op.evaluate(other, given)
        for before, after, p in zip(expected, found, moved.outputs, strict=True):
            what = f"{sample.id} {permutation}"
            assert_close(np.ascontiguousarray(after), np.ascontiguousarray(arranged(before, p)), given, what)
    return taken


@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_rearranged_operands_give_rearranged_results(operator: type[Op]) -> None:
    taken = sum(check_permuted(sample) for sample in operator.samples())
    assert (taken > 0) == (operator.permuted is not Op.permuted)


@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_simpler_nodes_and_identities(operator: type[Op]) -> None:
    for sample in operator.samples():
        (node,) = sample.graph.nodes
        arrays = operands(sample)
        expected = op_of(node).evaluate(node, arrays)
        simpler = op_of(node).simplified(node)
        if simpler is not None:
            assert simpler.outputs == node.outputs and simpler.op != node.op
            op_of(simpler).check(simpler)
            kept = {v: a for v, a in zip(node.inputs, arrays, strict=True) if v is not None}
            given = [None if v is None else kept[v] if v in kept else v.const[None] for v in simpler.inputs]
            for ours, theirs in zip(op_of(simpler).evaluate(simpler, given), expected, strict=True):
                assert_close(ours, theirs, given, sample.id)
        if op_of(node).is_identity(node):
            assert dataclasses.replace(node.output.type, shape=()) == dataclasses.replace(node.input(0).type, shape=())
            assert arrays[0] is not None
            np.testing.assert_array_equal(expected[0], arrays[0], err_msg=sample.id)
