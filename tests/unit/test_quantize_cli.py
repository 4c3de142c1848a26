"""``microgen quantize``, and float models that are quantized on the way by compile, verify and bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen import compiler, load_graph
from microgen.boards import load_board
from microgen.cli import parameters
from microgen.errors import UsageError
from microgen.exporters import tflite
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, TensorType
from microgen.ops.attributes import Activation
from microgen.ops.conv2d import Conv2D
from microgen.ops.fully_connected import FullyConnected
from tests.support.command import Run


@pytest.fixture
def run(microgen: Run) -> Run:
    return microgen


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small float network as a .tflite file."""
    builder = GraphBuilder("net")
    random = np.random.default_rng(0)

    def constant(*shape: int) -> Any:
        return builder.constant((random.normal(size=shape) * 0.3).astype(np.float32), "constant")

    x = builder.input("x", TensorType(DType.FLOAT32, (1, 6, 6, 2)))
    h = builder.add(Conv2D(activation=Activation.RELU), x, constant(4, 3, 3, 2), constant(4), name="conv")
    h = builder.add(FullyConnected(), h, constant(3, 64), constant(3), name="dense")
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite.save(builder.graph([h])))
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples.npz"
    np.savez(path, x=np.random.default_rng(1).normal(size=(20, 6, 6, 2)).astype(np.float32))
    return path


def test_quantize_writes_the_model_the_report_and_the_plot(
    run: Run, model: Path, samples: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    target, report, plot = tmp_path / "out.tflite", tmp_path / "r.json", tmp_path / "p.svg"
    more = ("--method", "mse", "--equalize", "--bias-correction", "--report", report, "--plot", plot, "--json", "-")
    code, out, err = run("quantize", model, "--calibration", samples, "-o", target, *more)
    assert (code, err) == (0, "")
    content = json.loads(out)
    assert content == json.loads(report.read_text())
    assert content["output"] == str(target) and content["method"] == "mse" and content["bias_correction"]
    assert {layer["name"] for layer in content["layers"]} == {"conv", "dense"}
    assert b"<svg" in plot.read_bytes()
    graph = load_graph(target)
    assert {v.type.dtype for v in graph.values() if not v.is_const} == {DType.INT8}
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_the_table_ranks_the_layers(run: Run, model: Path, samples: Path, tmp_path: Path) -> None:
    code, out, err = run("quantize", model, "--calibration", samples, "-o", tmp_path / "out.tflite", "--samples", 5)
    assert code == 0 and "5 samples can hardly show the ranges" in err
    assert "5 samples, constants" in out and "SQNR dB" in out and "conv" in out


def test_options_go_before_the_file(run: Run, model: Path, samples: Path, tmp_path: Path) -> None:
    config = tmp_path / "q.yaml"
    config.write_text("method: kl\nweights: per_tensor\nskip: {operators: [FullyConnected]}\n")
    more = ("--config", config, "--method", "percentile", "--skip", "con*", "--io", "float", "--json", "-")
    target = tmp_path / "out.tflite"
    code, _, err = run("quantize", model, "--calibration", samples, "-o", target, *more)
    assert code == 2 and "has no float layer that could become int8" in err and not target.exists()
    more = ("--config", config, "--method", "percentile", "--io", "float", "--json", "-")
    code, out, _ = run("quantize", model, "--calibration", samples, "-o", target, *more)
    content = json.loads(out)
    assert code == 0 and (content["method"], content["weights"]) == ("percentile", "per_tensor")
    assert {layer["name"]: layer["note"] for layer in content["layers"]} == {"conv": "", "dense": "skipped"}
    assert load_graph(target).inputs[0].type.dtype is DType.FLOAT32


def test_weights_only_files_hold_int8(run: Run, model: Path, samples: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.tflite"
    assert run("quantize", model, "--calibration", samples, "-o", target, "--weights-only")[0] == 0
    graph = load_graph(target)
    stored = [v.shape for v in graph.constants() if v.type.dtype is DType.INT8]
    assert stored == [(4, 3, 3, 2), (3, 64)]
    # Of the weights nothing is kept in float: the largest float constants are the biases and the scales.
    assert max(v.type.elements for v in graph.constants() if v.type.dtype is DType.FLOAT32) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--calibration", "missing.npz", "-o", "o.tflite"), "missing.npz: cannot be read"),
        (("--calibration", "{samples}", "-o", "o.xyz"), "o.xyz: is no model format that can be written"),
        (("--calibration", "{samples}", "-o", "nowhere/o.tflite"), "its folder does not exist"),
        (("--calibration", "{samples}", "-o", "o.tflite", "--skip", "nothing"), "fits none of the model's layers"),
        (("--calibration", "{samples}", "-o", "o.tflite", "--plot", "p.pdf"), "must end in .png or .svg"),
        (("--calibration", "{samples}", "-o", "o.tflite", "--method", "best"), "'best' is not one of"),
        (("--calibration", "{samples}", "-o", "o.tflite", "--config", "no.yaml"), "no.yaml: cannot be read"),
        (("--calibration", "{samples}", "-o", "o.tflite", "--input-shape", "x"), "is not NAME:1,3,32,32"),
        (("--calibration", "{samples}", "-o", "o.tflite", "--input-shape", "y:1,2"), "'y' is no input of the model"),
        (("--calibration", "{samples}", "-o", "o.tflite", "--input-shape", "x:1,7,7,2"), "the model fixes it"),
        (("-o", "o.tflite"), "Missing option '--calibration'"),
    ],
)
def test_one_clear_line(
    run: Run,
    model: Path,
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("quantize", model, *(a.format(samples=samples) for a in arguments))
    assert code == 2 and out == "" and message in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "o.tflite").exists()


def test_compile_quantizes_on_the_way(run: Run, model: Path, samples: Path, tmp_path: Path) -> None:
    config = tmp_path / "q.yaml"
    config.write_text("method: mse\n")
    arguments = ("compile", model, "--board", "mps2-an386", "-o", tmp_path / "out", "--calibration", samples)
    code, out, _ = run(*arguments, "--config", config, "--input-shape", "x:1,6,6,2")
    assert code == 0 and "2 layers" in out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["options"]["calibration"] == "samples.npz"
    assert manifest["options"]["quantization"] == "int8, mse, per_channel"
    assert [port["type"] if "type" in port else port["dtype"] for port in manifest["networks"][0]["inputs"]] == ["int8"]


def test_what_compile_computes_is_what_quantize_writes(run: Run, model: Path, samples: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.tflite"
    assert run("quantize", model, "--calibration", samples, "-o", target)[0] == 0
    board = load_board("mps2-an386")
    options = compiler.Options(calibration=samples)
    ours, read = compiler.compile_model(model, board, options).graph, compiler.compile_model(target, board).graph
    for a, b in zip(ours.constants(), read.constants(), strict=True):
        assert a.type.dtype is b.type.dtype
        np.testing.assert_array_equal(a.const, b.const)
    assert [v.type for v in ours.inputs] == [v.type for v in read.inputs]


def test_a_configuration_needs_samples(run: Run, model: Path, tmp_path: Path) -> None:
    code, _, err = run("compile", model, "--board", "mps2-an386", "-o", tmp_path / "out", "--config", "q.yaml")
    assert code == 2 and "--config: needs --calibration" in err


def test_a_name_may_hold_colons() -> None:
    assert parameters.InputShape().convert("serving:0:1,2,3", None, None) == ("serving:0", (1, 2, 3))


def test_a_shape_for_an_unknown_input_is_refused(model: Path) -> None:
    with pytest.raises(UsageError, match="'y' is no input of the model"):
        load_graph(model, {"y": (1, 2)})
