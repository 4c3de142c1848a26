"""Every operator's samples through the exporter and back, and into the reference interpreter."""

from __future__ import annotations

import re
from typing import Any

import flatbuffers
import numpy as np
import pytest
import tflite

from microgen.exporters.tflite import save
from microgen.frontends.tflite import load
from microgen.mindir import Graph, to_text
from microgen.ops.registry import operators

_NAME = re.compile(r' "(?:[^"\\]|\\.)*"')
_FLOAT = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


def _structure(graph: Graph) -> str:
    """The graph's text without names, floats as the file's single precision has them."""
    return _FLOAT.sub(lambda m: repr(float(np.float32(m.group()))), _NAME.sub("", to_text(graph)))


@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_samples_survive_export(operator: Any) -> None:
    count = 0
    for sample in operator.samples():
        data = save(sample.graph)
        assert data == save(sample.graph), sample.id
        graph = load(data, sample.graph.name)
        assert _structure(graph) == _structure(sample.graph), sample.id
        for before, after in zip(sample.graph.constants(), graph.constants(), strict=True):
            assert before.const.tobytes() == after.const.tobytes(), sample.id
        # The axis of a single scale says nothing and is not kept; from then on the bytes stay the same.
        again = save(graph)
        assert save(load(again, graph.name)) == again, sample.id
        count += 1
    assert count > 0


@pytest.mark.oracle
@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_reference_interpreter_takes_the_files(operator: Any) -> None:
    from tests.support.oracle import Oracle

    for sample in operator.samples():
        oracle = Oracle(save(sample.graph), all_tensors=True)
        arrays = [np.zeros(v.shape, v.type.dtype.numpy) for v in sample.graph.inputs]
        result = oracle.run(arrays)
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
