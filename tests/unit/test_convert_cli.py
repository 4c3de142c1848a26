"""``microgen convert``, and the order of dimensions in files that ``quantize`` writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from microgen.cli import main
from microgen.compiler import load_graph
from microgen.runtime import Session

DATA = Path(__file__).parents[1] / "data"
RESNET = DATA / "torch" / "resnet8.onnx"


def run(*arguments: object) -> int:
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".mindir"])
def test_a_float_model_in_every_format(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"net{suffix}"
    assert run("convert", RESNET, "-o", target, "--json", tmp_path / "said.json") == 0
    assert json.loads((tmp_path / "said.json").read_text())["output"] == str(target)
    samples = np.random.default_rng(1).normal(0, 1, (3, 1, 3, 32, 32)).astype(np.float32)
    (expected,) = Session(load_graph(RESNET)).run([samples])
    (found,) = Session(load_graph(target)).run([samples])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("command", ["convert", "quantize"])
def test_channels_last(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = np.random.default_rng(1).normal(0, 1, (12, 1, 3, 32, 32)).astype(np.float32)
    np.save(tmp_path / "x.npy", samples)
    calibration = ["--calibration", tmp_path / "x.npy"] if command == "quantize" else []
    shapes = {}
    for layout in ("source", "channels-last"):
        target = tmp_path / f"{layout}.tflite"
        assert run(command, RESNET, *calibration, "-o", target, "--io-layout", layout) == 0
        said = "input is 1×32×32×3 in the new file, channels last (1×3×32×32 in the source)"
        assert (said in capsys.readouterr().out) is (layout == "channels-last")
        shapes[layout] = load_graph(target)
    assert shapes["source"].inputs[0].shape == (1, 3, 32, 32)
    assert shapes["channels-last"].inputs[0].shape == (1, 32, 32, 3)
    if command == "convert":
        (first,) = Session(shapes["source"]).run([samples])
        (second,) = Session(shapes["channels-last"]).run([samples.transpose(0, 1, 3, 4, 2)])
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_what_a_format_cannot_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quantized = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.tflite"
    assert run("convert", quantized, "-o", tmp_path / "x.mindir") == 2
    assert ".mindir files hold float models only" in capsys.readouterr().err
    assert run("convert", quantized, "-o", tmp_path / "x.pdf") == 2
    assert "is no model format that can be written" in capsys.readouterr().err
    assert run("convert", quantized, "-o", tmp_path / "no" / "x.onnx") == 2
    assert not list(tmp_path.iterdir())
