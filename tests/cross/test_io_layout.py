"""Inputs and outputs of a model with channels first: channels last on the device, or as in the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from microgen.boards import load_board
from microgen.cli import main
from microgen.compiler import Options, compile_model
from microgen.errors import UsageError
from microgen.ops.transpose import Transpose

MODEL = Path(__file__).parents[1] / "data" / "torch" / "unet_tiny.onnx"


def command(*arguments: object) -> None:
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        if end.code:
            raise


@pytest.fixture
def samples() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(5).normal(0, 1, (2, 3, 32, 32)).astype(np.float32)


@pytest.mark.cross
@pytest.mark.parametrize(
    ("layout", "given"),
    [
        ("channels-last", "file"),
        ("channels-last", "batch"),
        ("channels-last", "device"),
        ("source", "file"),
        ("source", "batch"),
    ],
)
def test_samples_in_either_order(
    layout: str, given: str, samples: np.ndarray[Any, np.dtype[np.float32]], tmp_path: Path
) -> None:
    command("compile", MODEL, "--board", "mps2-an500", "-o", tmp_path / "p", "--io-layout", layout)
    forms: dict[str, Callable[[], Any]] = {
        "file": lambda: samples,
        "batch": lambda: samples[:, None],
        "device": lambda: samples.transpose(0, 2, 3, 1),
    }
    np.save(tmp_path / "x.npy", forms[given]())
    command("run", tmp_path / "p", "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npz")
    with np.load(tmp_path / "y.npz") as arrays:
        found = arrays["output"]
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    expected = np.stack([session.run(None, {"input": x[None]})[0] for x in samples])
    if layout == "channels-last":
        expected = expected.transpose(0, 1, 3, 4, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_said_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("compile", MODEL, "--board", "mps2-an500", "-o", tmp_path / "p")
    assert "input is 1×32×32×3 on the device, channels last (1×3×32×32 in the model file)" in capsys.readouterr().out
    header = (tmp_path / "p" / "unet_tiny.h").read_text()
    assert "The model file has these dimensions in another order: [1, 3, 32, 32]" in header
    (manifest,) = json.loads((tmp_path / "p" / "manifest.json").read_text())["networks"]
    assert manifest["inputs"][0]["layout"] == [0, 2, 3, 1] and manifest["outputs"][0]["layout"] == [0, 2, 3, 1]
    compiled = compile_model(MODEL, load_board("mps2-an500"), Options(io_layout="source"))
    kinds = [type(node.op) for node in compiled.graph.nodes]
    assert kinds[0] is Transpose and kinds[-1] is Transpose and kinds.count(Transpose) == 2
    assert not compiled.layouts


def test_an_unknown_layout() -> None:
    with pytest.raises(UsageError, match="unknown layout"):
        Options(io_layout="sideways")
