"""Path c: the generated C on this computer against the reference path."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.delegates.host_c import HostC, HostLibrary
from microgen.errors import ToolMissing
from microgen.ops.registry import operators
from microgen.runtime import Session
from microgen.runtime.delegate import No, known_paths
from microgen.verification import sample_inputs
from tests.support.models import INT8_MODELS, test_batch


@pytest.mark.parametrize("name", INT8_MODELS)
def test_the_same_bytes_as_the_reference(name: str, testdata: Path, host_gcc: str) -> None:
    model = Model(testdata / "models" / f"{name}.tflite").build(Context(("c",)))
    assert [part.delegate.name for part in model.parts] == ["c"]
    inputs = test_batch(model.graph, 16)
    for found, expected in zip(model.predict(inputs), Session(model.graph).run(inputs), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_trace_has_every_layer(testdata: Path, host_gcc: str) -> None:
    graph = Model(testdata / "models" / "ic_resnet8_int8.tflite").graph
    inputs = test_batch(graph, 2)
    found, expected = HostLibrary(graph, 1, traced=True).trace(inputs), Session(graph).run_all(inputs)
    assert len(found) == sum(len(node.outputs) for node in graph.nodes)
    for value, array in found.items():
        np.testing.assert_array_equal(array, expected[value])


def test_many_threads_share_a_library(testdata: Path, host_gcc: str) -> None:
    model = Model(testdata / "models" / "kws_dscnn_int8.tflite").build(Context(("c",), threads=3))
    inputs = sample_inputs([v.type for v in model.graph.inputs], 30)
    (expected,) = Session(model.graph).run(inputs)
    with ThreadPoolExecutor(4) as pool:
        for (found,) in pool.map(model.predict, [inputs] * 12):
            np.testing.assert_array_equal(found, expected)


def test_what_the_c_lacks_stays_on_the_reference(testdata: Path) -> None:
    assert "c" in known_paths()
    claims = [
        (node, HostC().claims(node))
        for operator in operators()
        for sample in operator.samples()
        for node in sample.graph.nodes
    ]
    refusals = [claim for _, claim in claims if isinstance(claim, No)]
    assert refusals and len(refusals) < len(claims)
    assert all(claim.reason for claim in refusals)


def test_without_a_compiler(testdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolMissing, match="no C compiler"):
        Model(testdata / "models" / "hello_world_int8.tflite").build(Context(("c",)))


def test_nothing_is_left_behind(testdata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host_gcc: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = Model(testdata / "models" / "hello_world_int8.tflite").build(Context(("c",)))
    assert list(tmp_path.iterdir())
    del model
    assert not list(tmp_path.iterdir())
