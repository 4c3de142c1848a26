"""Options of the quantizer that did nothing, could not be given, or destroyed a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen.cli import main
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, Graph, TensorType
from microgen.ops.attributes import Activation
from microgen.ops.fully_connected import FullyConnected
from microgen.quantize import Granularity, Ports, QuantConfig, Scheme, quantize_graph
from microgen.quantize.assign import select
from microgen.runtime import Session

DIGITS = Path(__file__).parents[2] / "examples/digits"


def two_layers(*, bias: bool) -> Graph:
    random = np.random.default_rng(3)
    builder = GraphBuilder("net")
    value = builder.input("x", TensorType(DType.FLOAT32, (1, 16)))
    for name, activation in (("first[0]", Activation.RELU), ("second", Activation.NONE)):
        weights = builder.constant(random.normal(size=(16, 16)).astype(np.float32))
        shift = builder.constant(random.normal(size=16).astype(np.float32)) if bias else None
        value = builder.add(FullyConnected(activation=activation), value, weights, shift, name=name)
    return builder.graph([value])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("scheme", "share"), [(Scheme.WEIGHTS_ONLY, 0.01), (Scheme.INT8, 0.4)])
def test_bias_correction(scheme: Scheme, share: float, bias: bool) -> None:
    """Rounded weights shift a mean whether the arithmetic is in int8 or not, and whether there was a bias or not."""
    graph = two_layers(bias=bias)
    samples = np.abs(np.random.default_rng(1).normal(size=(64, 1, 16))).astype(np.float32) + 2.0
    expected = Session(graph).run([samples])[0].astype(np.float64)

    def shift(corrected: bool) -> float:
        config = QuantConfig(scheme=scheme, io=Ports.FLOAT, bias_correction=corrected, weights=Granularity.PER_TENSOR)
        found = Session(quantize_graph(graph, samples, config).graph).run([samples])[0]
        return float(np.abs((found - expected).mean(axis=0)).max())

    assert shift(True) < share * shift(False)


def test_a_layer_is_skipped_by_a_name_with_brackets() -> None:
    _, stays = select(two_layers(bias=True), QuantConfig(skip_layers=("first[0]",)))
    assert [(node.name, why) for node, why in stays.items()] == [("first[0]", "skipped")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("quantize", "model.onnx", "--calibration", "{samples}", "-o", "./model.onnx"),
        ("quantize", "model.onnx", "--calibration", "{samples}", "-o", "a.tflite", "--report", "{here}/a.tflite"),
        ("convert", "model.onnx", "-o", "{here}/model.onnx"),
    ],
)
def test_no_file_is_written_over_another(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    original = (DIGITS / "digits_float.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(original)
    with pytest.raises(SystemExit) as caught:
        main([a.format(samples=DIGITS / "digits_calibration.npz", here=tmp_path) for a in arguments])
    assert caught.value.code == 2 and "Name another file" in capsys.readouterr().err
    assert (tmp_path / "model.onnx").read_bytes() == original
    assert [f.name for f in tmp_path.iterdir()] == ["model.onnx"]
