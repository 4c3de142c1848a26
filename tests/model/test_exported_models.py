"""Whole networks through the exporters: .tflite in the reference interpreter, .onnx in onnxruntime and back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from microgen import compiler, frontends
from microgen.exporters import onnx, tflite
from microgen.mindir import Array, Graph, Value
from microgen.passes import optimize
from microgen.quantize import QuantConfig, Scheme, load_samples, quantize_graph
from microgen.runtime import Session
from tests.op.test_exporter_onnx import check, run
from tests.support import oracle
from tests.support.models import INT8_MODELS

Find = Callable[[str], Path]

_ROOT = Path(__file__).resolve().parents[2]
TORCH = sorted((_ROOT / "tests/data/torch").glob("*.onnx"))
DIGITS = _ROOT / "examples/digits"
FLOAT = [*TORCH, DIGITS / "digits_float.onnx"]
FLOAT_MODELS = ("ad_autoencoder_float", "hello_world_float", "ic_resnet8_float", "vww_mobilenet_float")

#: How far the outputs of a whole int8 network may be apart, in steps, when onnxruntime computes it: the roundings of
#: all layers together. Measured, with half as much again; docs/exporters.md says where the difference comes from.
MOST_STEPS = 6
MEASURED = {
    "ic_resnet8_int8": 12,
    "mobilenetv2_035": 56,
    "squeeze": 11,
    "squeeze_batchnorm": 11,
    "unet_tiny": 12,
    "unet_tiny_batchnorm": 12,
    "vww_mobilenet_float": 9,
}


def random_inputs(graph: Graph, count: int, seed: int) -> list[Array]:
    random = np.random.default_rng(seed)
    made = []
    for value in graph.inputs:
        kind = value.type.dtype
        if kind.is_float:
            made.append(random.normal(0.0, 1.0, (count, *value.shape)).astype(kind.numpy))
        else:
            made.append(random.integers(*kind.limits, (count, *value.shape), endpoint=True).astype(kind.numpy))
    return made


@functools.cache
def quantized(path: Path, scheme: Scheme = Scheme.INT8) -> Graph:
    """The network in int8; what it is calibrated with matters little here."""
    graph = compiler.load_graph(path)
    samples = {v.name: a for v, a in zip(graph.inputs, random_inputs(graph, 16, 1), strict=True)}
    return quantize_graph(graph, load_samples(samples, graph), QuantConfig(scheme=scheme)).graph


def check_int8(name: str, graph: Graph) -> None:
    """Both files of an int8 network."""
    inputs = random_inputs(graph, 6, 2)
    ours = Session(graph).run(inputs)
    for found, theirs in zip(ours, oracle.run_batch(tflite.save(graph), inputs).outputs, strict=True):
        np.testing.assert_array_equal(found, theirs)
    data = onnx.save(graph)
    check(data)
    again = Session(optimize(frontends.load(Path("model.onnx"), data))).run(inputs)
    for found, back, theirs in zip(ours, again, run(data, inputs), strict=True):
        np.testing.assert_array_equal(found, back)
        steps = np.abs(found.astype(np.float64) - theirs).max()
        assert steps <= MEASURED.get(name, MOST_STEPS), f"{steps} steps"


def check_layers(graph: Graph) -> None:
    """Every layer alone, from the same inputs, is within one step in onnxruntime."""
    inputs = random_inputs(graph, 3, 3)
    values = [value for node in graph.nodes for value in node.outputs]
    known: dict[Value, Array] = dict(zip(graph.inputs, inputs, strict=True))
    known.update(Session(graph).run_all(inputs, values))
    for node in graph.nodes:
        operands = list(dict.fromkeys(v for v in node.inputs if v is not None and not v.is_const))
        layer = Graph(node.name, operands, node.outputs, [node])
        for value, theirs in zip(node.outputs, run(onnx.save(layer), [known[v] for v in operands]), strict=True):
            steps = np.abs(known[value].astype(np.float64) - theirs).max()
            assert steps <= (1 if value.type.quant is not None else 0), f"{node.label}: {steps}"


@pytest.mark.oracle
@pytest.mark.parametrize("path", FLOAT, ids=lambda p: p.stem)
def test_quantized_networks(path: Path) -> None:
    check_int8(path.stem, quantized(path))


@pytest.mark.parametrize("path", FLOAT, ids=lambda p: p.stem)
def test_layers_of_quantized_networks(path: Path) -> None:
    check_layers(quantized(path))


@pytest.mark.oracle
@pytest.mark.parametrize("name", INT8_MODELS)
def test_int8_networks(name: str, test_model: Find) -> None:
    graph = optimize(compiler.load_graph(test_model(f"{name}.tflite")))
    check_int8(name, graph)
    check_layers(graph)


@pytest.mark.oracle
def test_int8_digits() -> None:
    graph = optimize(compiler.load_graph(DIGITS / "digits_int8.tflite"))
    check_int8("digits_int8", graph)
    check_layers(graph)


def check_float(graph: Graph, *, micro: bool = True) -> None:
    """Both files of a network in float; without ``micro`` it has what only larger interpreters have."""
    inputs = random_inputs(graph, 3, 4)
    ours = Session(graph).run(inputs)
    data = onnx.save(graph)
    check(data)
    others = [run(data, inputs), Session(optimize(frontends.load(Path("model.onnx"), data))).run(inputs)]
    file = tflite.save(graph)
    others.append(Session(optimize(frontends.load(Path("model.tflite"), file))).run(inputs))
    if micro:
        others.append(oracle.run_batch(file, inputs).outputs)
    for outputs in others:
        for found, theirs in zip(ours, outputs, strict=True):
            np.testing.assert_allclose(theirs, found, rtol=0, atol=1e-5 * float(np.abs(found).max()))


@pytest.mark.oracle
@pytest.mark.parametrize("path", FLOAT, ids=lambda p: p.stem)
def test_float_networks(path: Path) -> None:
    # The reference interpreter has no GELU.
    check_float(optimize(compiler.load_graph(path)), micro=not path.stem.startswith("transformer"))


@pytest.mark.oracle
@pytest.mark.parametrize("path", FLOAT, ids=lambda p: p.stem)
def test_networks_with_int8_weights(path: Path) -> None:
    check_float(quantized(path, Scheme.WEIGHTS_ONLY), micro=not path.stem.startswith("transformer"))


@pytest.mark.oracle
@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_shared_float_networks(name: str, test_model: Find) -> None:
    path = test_model(f"{name}.tflite")
    check_float(optimize(compiler.load_graph(path)))
    check_int8(name, quantized(path))
