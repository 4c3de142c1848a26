"""Every operator's samples through the exporter and back, and into the reference interpreter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np
import pytest
import tflite

from microgen.errors import VerifyError
from microgen.exporters.tflite import write as save
from microgen.frontends.tflite import load
from microgen.mindir import Graph, to_text
from microgen.ops.base import Op, Sample
from microgen.ops.registry import operators

_NAME = re.compile(r' "(?:[^"\\]|\\.)*"')
#: The reference interpreter has no dense layer with weights of four bits and several scales: they are written in int8.
_WIDENED = ("FullyConnected", "i4_per_channel")
_FLOAT = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


def _structure(graph: Graph) -> str:
    """The graph's text without names, floats as the file's single precision has them."""
    return _FLOAT.sub(lambda m: repr(float(np.float32(m.group()))), _NAME.sub("", to_text(graph)))


def files(operator: type[Op]) -> Iterator[tuple[Sample, bytes]]:
    """The samples that TensorFlow Lite can express, with their files."""
    for sample in operator.samples():
        try:
            yield sample, save(sample.graph)
        except VerifyError:
            continue


#: Operators of which TensorFlow Lite can express something.
EXPRESSIBLE = [operator for operator in operators() if operator.tflite or operator.tflite_custom]


@pytest.mark.parametrize("operator", EXPRESSIBLE, ids=lambda o: o.name)
def test_samples_survive_export(operator: Any) -> None:
    count = 0
    for sample, data in files(operator):
        assert data == save(sample.graph), sample.id
        graph = load(data, sample.graph.name)
        expected = _structure(sample.graph)
        if (operator.name, sample.id) == _WIDENED:
            expected = expected.replace("weight_bits=4", "weight_bits=8")
        assert _structure(graph) == expected, sample.id
        for before, after in zip(sample.graph.constants(), graph.constants(), strict=True):
            assert before.const.tobytes() == after.const.tobytes(), sample.id
        # The axis of a single scale says nothing and is not kept; from then on the bytes stay the same.
        again = save(graph)
        assert save(load(again, graph.name)) == again, sample.id
        count += 1
    assert count > 0


@pytest.mark.oracle
@pytest.mark.parametrize("operator", EXPRESSIBLE, ids=lambda o: o.name)
def test_reference_interpreter_takes_the_files(operator: Any) -> None:
    from tests.support.oracle import Oracle, OracleRefused

    for sample, data in files(operator):
        arrays = [np.zeros(v.shape, v.type.dtype.numpy) for v in sample.graph.inputs]
        try:
            result = Oracle(data, all_tensors=True).run(arrays)
        except OracleRefused:
            # That it takes what it must, tests/op/test_operators_numpy.py makes sure of.
            continue
        assert [a.shape for a in result.outputs] == [v.shape for v in sample.graph.outputs], sample.id
        for value in sample.graph.outputs:
            assert np.array_equal(result.by_name[value.name], result.outputs[0]) or len(result.outputs) > 1


def test_files_are_laid_out_as_interpreters_expect() -> None:
    sample = next(s for o in operators() if o.name == "Conv2D" for s in o.samples())
    data = save(sample.graph)
    assert tflite.Model.ModelBufferHasIdentifier(data, 0)
    model = tflite.Model.GetRootAs(data, 0)
    assert model.Version() == 3
    assert model.Buffers(0).DataLength() == 0
    constants = 0
    for index in range(1, model.BuffersLength()):
        table = model.Buffers(index)._tab
        start = table.Vector(flatbuffers.number_types.UOffsetTFlags.py_type(table.Offset(4)))
        assert start % 16 == 0
        constants += 1
    assert constants == len(list(sample.graph.constants())) == 2
