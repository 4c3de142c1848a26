"""Paths on this computer: scalars, many threads at once, libraries that go with their models."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, Graph, TensorType
from microgen.ops.tanh import Tanh
from microgen.verification import sample_inputs

PATHS = pytest.mark.parametrize("path", ["reference", "c", "gpu", "cpu"])
_NEEDS = {"gpu": "torch", "cpu": "onnxruntime"}


def built(source: Graph | Path, path: str) -> Model:
    if path in _NEEDS:
        pytest.importorskip(_NEEDS[path])
    return Model(source).build(Context(path, threads=2))


@PATHS
def test_scalars(path: str) -> None:
    builder = GraphBuilder("scalar")
    x = builder.input("x", TensorType(DType.FLOAT32, ()))
    model = built(builder.graph([builder.add(Tanh(), x, name="y")]), path)
    given = np.linspace(-1, 1, 3, dtype=np.float32)
    np.testing.assert_allclose(model.predict(given)[0], np.tanh(given), atol=1e-6)


@PATHS
def test_one_model_from_eight_threads(path: str, testdata: Path) -> None:
    model = built(testdata / "models" / "hello_world_int8.tflite", path)
    inputs = sample_inputs([v.type for v in model.graph.inputs], 40)
    batches = [[a[start : start + 9] for a in inputs] for start in range(0, 32, 4)]
    expected = [model.predict(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: model.predict(batches[i % 8]), range(200)))
    for index, outputs in enumerate(found):
        np.testing.assert_array_equal(outputs[0], expected[index % 8][0])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not list what is loaded")
def test_libraries_go_with_their_models(testdata: Path) -> None:
    def loaded() -> set[str]:
        lines = Path("/proc/self/maps").read_text().splitlines()
        return {line.split()[5] for line in lines if "microgen-c-" in line}

    before = loaded()
    model = built(testdata / "models" / "hello_world_int8.tflite", "c")
    assert len(loaded() - before) == 1
    del model
    gc.collect()
    assert not loaded() - before
