"""Which format a file name means, and how a file gets onto the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen import exporters, frontends
from microgen.errors import InputError, UsageError, VerifyError
from microgen.exporters import onnx, tflite
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.dequantize import Dequantize
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.registry import operators
from microgen.ops.trigonometry import Acos
from microgen.runtime import Session


def sample(operator: str) -> Graph:
    found = next(o for o in operators() if o.name == operator)
    return next(iter(found.samples())).graph


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".TFLITE"])
def test_the_ending_says_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    graph = sample("FullyConnected")
    exporters.save(graph, path)
    again = frontends.load(path, path.read_bytes())
    assert [v.type for v in again.inputs] == [v.type for v in graph.inputs]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model format") as refusal:
        exporters.save(sample("Add"), tmp_path / "model.foo")
    assert ".tflite" in refusal.value.hint and ".onnx" in refusal.value.hint
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        exporters.save(sample("Add"), tmp_path / "missing" / "model.tflite")


def test_nothing_is_left_of_what_cannot_be_expressed(tmp_path: Path) -> None:
    kind = TensorType(DType.FLOAT32, (3,))
    x, y = Value("x", kind), Value("y", kind)
    graph = Graph("angles", [x], [y], [Node(Acos(), (x,), (y,), "angle")])
    with pytest.raises(VerifyError) as refusal:
        exporters.save(graph, tmp_path / "model.tflite")
    assert refusal.value.where == "angle (Acos)" and "onnx" in refusal.value.hint
    assert not list(tmp_path.iterdir())
    assert onnx.save(graph)


@pytest.mark.oracle
@pytest.mark.parametrize("scales", [(0.01,), (0.01, 0.05, 0.002)])
def test_int8_weights_in_front_of_float_arithmetic(scales: tuple[float, ...]) -> None:
    """The reference interpreter's DEQUANTIZE knows one scale; several are multiplied with."""
    from tests.support import oracle

    quant = QuantParams(scales, (0,) * len(scales), 0 if len(scales) > 1 else None)
    weights = sampling.constant("weights", np.arange(-6, 6, dtype=np.int8).reshape(3, 4), quant)
    x = Value("x", TensorType(DType.FLOAT32, (1, 4)))
    wide = Value("wide", TensorType(DType.FLOAT32, (3, 4)))
    y = Value("y", TensorType(DType.FLOAT32, (1, 3)))
    nodes = [Node(Dequantize(), (weights,), (wide,), "wide"), Node(FullyConnected(), (x, wide, None), (y,), "dense")]
    graph = Graph("hybrid", [x], [y], nodes)
    inputs = [np.array([[[1.0, -2.0, 3.0, 0.5]]], np.float32)]
    (ours,) = Session(graph).run(inputs)
    data = tflite.save(graph)
    assert weights.const.tobytes() in data
    (found,) = oracle.run_batch(data, inputs).outputs
    np.testing.assert_allclose(found, ours, rtol=1e-6)
    again = frontends.load(Path("model.onnx"), onnx.save(graph))
    np.testing.assert_allclose(Session(again).run(inputs)[0], ours, rtol=1e-6)


def test_the_same_graph_gives_the_same_bytes() -> None:
    for name in ("Conv2D", "Softplus", "LayerNorm", "Concatenation"):
        assert tflite.save(sample(name)) == tflite.save(sample(name))
        assert onnx.save(sample(name)) == onnx.save(sample(name))
