"""Networks that PyTorch exported (tools/make_torch_models.py): in float against onnxruntime, in int8 on the device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from microgen import frontends
from microgen.boards import load_board
from microgen.compiler import Options, compile_graph, compile_model
from microgen.mindir import Graph
from microgen.ops.base import op_of
from microgen.ops.transpose import Transpose
from microgen.passes import absorb_border_transposes, optimize
from microgen.quantize import Samples, quantize_graph
from microgen.runtime import Session
from microgen.verification import verify_board

FOLDER = Path(__file__).parents[1] / "data" / "torch"
MODELS = sorted(path.stem for path in FOLDER.glob("*.onnx"))
#: A transformer's heads are transposed by definition, and onnxruntime does the same.
TRANSPOSED = ("transformer", "transformer_torchscript")

Floats = NDArray[np.float32]


def load(name: str) -> Graph:
    path = FOLDER / f"{name}.onnx"
    return frontends.load(path, path.read_bytes())


def inputs_of(graph: Graph, count: int, seed: int = 0) -> Floats:
    (value,) = graph.inputs
    return np.random.default_rng(seed).normal(0.0, 1.0, (count, *value.shape)).astype(np.float32)


def in_onnxruntime(name: str, samples: Floats) -> Floats:
    session = onnxruntime.InferenceSession(str(FOLDER / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    return np.stack([session.run(None, {port.name: sample})[0] for sample in samples])


def test_there_are_models() -> None:
    assert len(MODELS) >= 15


@pytest.mark.parametrize("name", MODELS)
def test_float_agrees_with_onnxruntime(name: str) -> None:
    graph = load(name)
    samples = inputs_of(graph, 4)
    expected = in_onnxruntime(name, samples)
    for form in (graph, optimize(graph)):
        (found,) = Session(form).run([samples])
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
        assert form.outputs[0].name == "output" and form.inputs[0].name == "input"


@pytest.mark.parametrize("name", [m for m in MODELS if m not in TRANSPOSED])
def test_no_transpose_remains(name: str) -> None:
    graph, layouts = absorb_border_transposes(optimize(load(name)))
    assert not [node.label for node in graph.nodes if isinstance(node.op, Transpose)]
    # What became of the interface is said: the values are the same.
    source = load(name)
    samples = inputs_of(source, 2)
    (expected,) = Session(source).run([samples])
    turned = [
        np.transpose(samples, (0, *(axis + 1 for axis in layouts[v.name]))) if v.name in layouts else samples
        for v in graph.inputs
    ]
    (found,) = Session(graph).run(turned)
    layout = layouts.get(graph.outputs[0].name)
    if layout is not None:
        expected = np.transpose(expected, (0, *(axis + 1 for axis in layout)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * float(np.abs(expected).max()))


@pytest.mark.parametrize("name", MODELS)
def test_int8_throughout(name: str) -> None:
    source = load(name)
    quantized = quantize_graph(source, Samples((inputs_of(source, 4),)))
    inner = [node for node in optimize(quantized.graph).nodes if any(v.type.dtype.is_float for v in node.outputs)]
    assert not inner, [node.label for node in inner]


# Of networks that were exported in several ways one is enough here: they end as the same layers.
@pytest.mark.cross
@pytest.mark.parametrize("name", [m for m in MODELS if not m.endswith(("_torchscript", "_batchnorm"))])
def test_int8_is_bit_exact_on_the_device(name: str) -> None:
    source = load(name)
    quantized = quantize_graph(source, Samples((inputs_of(source, 8),)))
    for board in ("mps2-an386", "mps3-an547"):
        if board == "mps3-an547" and name in ("mobilenetv2_035", "resnet8", "unet_tiny"):
            continue  # minutes in the emulator, whose Helium is slow, and no other kernels than the rest
        compiled = compile_graph(
            quantized.graph, load_board(board), Options(name="net"), model_file=name, sha256="0" * 64,
            channels_first=True,
        )  # fmt: skip
        verdict = verify_board(compiled, samples=1)
        assert verdict.bit_exact, str(verdict.difference)


@pytest.mark.cross
@pytest.mark.parametrize("name", ["unet_tiny", "squeeze", "tcn", "transformer"])
def test_float_agrees_on_the_device(name: str) -> None:
    compiled = compile_model(FOLDER / f"{name}.onnx", load_board("mps2-an500"))
    assert all(op_of(node).problems(node, device=True) for node in compiled.graph.nodes)
    verdict = verify_board(compiled, samples=1)
    assert verdict.agrees and not verdict.bit_exact, str(verdict.difference)
