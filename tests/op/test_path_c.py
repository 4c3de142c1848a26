"""Path c: the generated C on this computer against the reference; whole models: tests/model/test_paths_agree.py."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.delegates import host_c
from microgen.delegates.host_c import HostC, HostLibrary
from microgen.errors import BuildError, ToolMissing
from microgen.mindir import Graph
from microgen.ops.registry import operators
from microgen.runtime import Session
from microgen.runtime.delegate import No, Yes, known_paths
from microgen.verification import sample_inputs
from tests.op.test_operators_numpy import inputs_of
from tests.support.models import test_batch


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
    """Not even while the model is there: a process that is killed cleans nothing up."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = Model(testdata / "models" / "hello_world_int8.tflite").build(Context(("c",)))
    assert not list(tmp_path.iterdir())
    inputs = test_batch(model.graph, 1)
    np.testing.assert_array_equal(model.predict(inputs)[0], Session(model.graph).run(inputs)[0])


def test_a_compiler_that_fails(testdata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host_gcc: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = Model(testdata / "models" / "hello_world_int8.tflite")
    # The second makes a file that is no library.
    for flags, message in ((("-no-such-option",), "failed: .*no-such-option"), (("-r", "-w"), "cannot be loaded")):
        monkeypatch.setattr(host_c, "_FLAGS", flags)
        with pytest.raises(BuildError, match=message):
            model.build(Context(("c",)))
        assert not list(tmp_path.iterdir())


def test_kernels_for_wide_vectors_compute_the_same(host_gcc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All samples of the operators that they serve, as one network, with the sanitizer of undefined behaviour."""
    graphs = [
        sample.graph
        for operator in operators()
        if operator.name in ("BatchMatMul", "Conv2D", "DepthwiseConv2D", "FullyConnected", "TransposeConv2D")
        for sample in operator.samples()
        if sample.graph.outputs[0].type.quant is not None and isinstance(HostC().claims(sample.graph.nodes[0]), Yes)
    ]
    assert len(graphs) > 200
    inputs, outputs = ([v for g in graphs for v in values(g)] for values in (lambda g: g.inputs, lambda g: g.outputs))
    whole = Graph("all", inputs, outputs, [node for g in graphs for node in g.nodes])
    given = [array for graph in graphs for array in inputs_of(graph)]
    strict = ("-fsanitize=undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Wconversion", "-Werror")
    monkeypatch.setattr(host_c, "_FLAGS", (*(flag for flag in host_c._FLAGS if flag != "-w"), *strict))
    for node, found, expected in zip(
        whole.nodes, HostLibrary(whole, 1).run(given), Session(whole).run(given), strict=True
    ):
        np.testing.assert_array_equal(found, expected, err_msg=node.label)
