"""The models with data that the package ``onnx`` carries, and its large networks with made-up weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from microgen.errors import MicrogenError
from microgen.frontends.onnx import load
from microgen.frontends.options import ImportOptions
from microgen.passes import optimize
from microgen.runtime.session import Session
from tests.support.onnx_cases import PASSED, REFUSED, difference, run

_DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
# How many must pass, of how many there are.
_AT_LEAST = {"simple": 7, "pytorch-converted": 67, "pytorch-operator": 35}


def _tensor(path: Path) -> np.ndarray:
    return onnx.numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def _outcome(folder: Path, optimized: bool) -> str:
    model = onnx.load(folder / "model.onnx")
    data = folder / "test_data_set_0"
    try:
        inputs = [_tensor(data / f"input_{i}.pb") for i in range(len(list(data.glob("input_*.pb"))))]
        # A shape that is an input must be known.
        shapes = {v.name: a for v, a in zip(model.graph.input, inputs, strict=False) if v.name == "shape"}
        found = run(model, inputs, ImportOptions(constants=shapes), optimized)
    except MicrogenError:
        return REFUSED
    expected = [_tensor(data / f"output_{i}.pb") for i in range(len(found))]
    assert difference(found, expected, 1e-3, 1e-5) == "", folder.name
    return PASSED


@pytest.mark.parametrize("optimized", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("kind", sorted(_AT_LEAST))
def test_every_model_passes_or_is_refused(kind: str, optimized: bool) -> None:
    folders = sorted(path for path in (_DATA / kind).iterdir() if (path / "model.onnx").exists())
    counts = Counter(_outcome(folder, optimized) for folder in folders)
    assert counts[PASSED] >= _AT_LEAST[kind], counts


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_networks_with_constant_weights(name: str) -> None:
    model = onnx.load(_DATA / "light" / f"light_{name}.onnx")
    expected = _tensor(_DATA / "light" / f"light_{name}_output_0.pb")
    graph = optimize(load(model.SerializeToString(), name))
    (given,) = graph.inputs
    # The ramp that the stored outputs were computed from.
    image = (np.arange(given.type.elements).reshape(1, *given.shape) / given.type.elements).astype(np.float32)
    (found,) = Session(graph).run([image])
    assert difference([found], [expected], 1e-3, 1e-5) == ""
