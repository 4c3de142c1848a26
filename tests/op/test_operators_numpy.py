"""Every operator on every sample: the host arithmetic against the reference interpreter, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microgen.exporters import tflite as exporter
from microgen.mindir import Graph, TensorType
from microgen.ops.base import Op, Sample, op_of
from microgen.ops.registry import operators
from tests.support import oracle

Array = NDArray[Any]

CASES = [pytest.param(s, id=f"{o.name}-{s.id}") for o in operators() for s in o.samples()]


def patterns(kind: TensorType, key: int) -> Array:
    """Several values for an input, along a leading axis: random, lowest, highest, zero, ramps up and down."""
    random = np.random.default_rng((kind.elements, key))
    shape, dtype = kind.shape, kind.dtype.numpy
    if kind.dtype.is_float:
        ramp = np.linspace(-4.0, 4.0, kind.elements)
        rows = [*random.normal(0.0, 2.0, (2, kind.elements)), ramp * 0.0, ramp, ramp[::-1], ramp * 1e3]
    else:
        low, high = kind.dtype.limits
        zero = kind.quant.zero_points[0] if kind.quant is not None else 0
        ramp = low + np.arange(kind.elements) * (37 * (high - low + 1) // 256 + 1) % (high - low + 1)
        rows = [
            *random.integers(low, high, (3, kind.elements), endpoint=True),
            *(np.full(kind.elements, value) for value in (low, high, zero)),
            ramp,
            low + high - ramp,
        ]
    return np.stack(rows).astype(dtype).reshape(-1, *shape)


def inputs_of(graph: Graph) -> list[Array]:
    """The patterns for every input; a second input has them in another order."""
    made = [patterns(value.type, index) for index, value in enumerate(graph.inputs)]
    count = min(map(len, made))
    return [np.roll(array[:count], index, axis=0) for index, array in enumerate(made)]


def evaluate(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a graph of one node."""
    (node,) = graph.nodes
    given = dict(zip(graph.inputs, inputs, strict=True))
    operands = [None if v is None else v.const[np.newaxis] if v.is_const else given[v] for v in node.inputs]
    made = dict(zip(node.outputs, op_of(node).evaluate(node, operands), strict=True))
    return [made[value] for value in graph.outputs]


@pytest.mark.oracle
@pytest.mark.parametrize("sample", CASES)
def test_equals_reference_interpreter(sample: Sample) -> None:
    graph = sample.graph
    for node in graph.nodes:
        op_of(node).check(node)
    inputs = inputs_of(graph)
    before = [array.copy() for array in inputs]
    found = evaluate(graph, inputs)
    expected = oracle.run_batch(exporter.save(graph), inputs).outputs
    for value, ours, theirs in zip(graph.outputs, found, expected, strict=True):
        assert ours.dtype == theirs.dtype == value.type.dtype.numpy
        assert ours.shape == theirs.shape == (len(inputs[0]), *value.shape)
        np.testing.assert_array_equal(ours, theirs)
    for array, copy in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copy, err_msg="the operator changed its input")


@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_samples_are_distinct_and_say_something(operator: type[Op]) -> None:
    samples = list(operator.samples())
    ids = [sample.id for sample in samples]
    assert len(set(ids)) == len(ids)
    telling = 0
    for sample in samples:
        (output, *_) = evaluate(sample.graph, inputs_of(sample.graph))
        telling += len(np.unique(output)) > 2
    # Saturating and vanishing samples may be constant; most must depend on their input.
    assert telling > len(samples) / 2
