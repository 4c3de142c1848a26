"""The published float models: the host runtime and the cores with an FPU against the oracle's word."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import compile_model, load_graph
from microgen.mindir import Array, DType, TensorType
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import TOLERANCE, sample_inputs, verify_board
from tests.support.models import pattern_input
from tests.support.oracle import Oracle
from tests.support.tolerance import assert_close

FLOAT_MODELS = ("ad_autoencoder_float", "hello_world_float", "ic_resnet8_float", "vww_mobilenet_float")
HYBRID_MODEL = "kws_dscnn_hybrid"
BOARDS = ("mps2-an386", "mps2-an500")


def published_input(t: TensorType) -> Array:
    """That of the int8 models over 128."""
    whole = pattern_input(TensorType(DType.INT8, t.shape))
    return (whole / np.float32(128.0)).astype(np.float32)


def assert_published(name: str, found: Array, testdata: Path) -> None:
    published = json.loads((testdata / "models" / "tflm_oracle.json").read_text())[f"{name}.tflite"]["output"]
    expected = np.array(published)
    assert np.abs(found.reshape(-1) - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_published_outputs_on_the_host(name: str, testdata: Path) -> None:
    source = load_graph(testdata / "models" / f"{name}.tflite")
    for graph in (source, optimize(source)):
        (result,) = Session(graph).run([published_input(source.inputs[0].type)])
        assert_published(name, result, testdata)


@pytest.mark.oracle
@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_every_layer_equals_the_oracle(name: str, testdata: Path) -> None:
    path = testdata / "models" / f"{name}.tflite"
    source = load_graph(path)
    inputs = sample_inputs([v.type for v in source.inputs], 3, seed=7)
    tensors = list(Oracle(path.read_bytes(), all_tensors=True).run_batch(inputs).tensors.values())[len(inputs) :]
    values = Session(source).run_all(inputs)
    computed = [v for node in source.nodes for v in node.outputs]
    assert len(tensors) == len(computed)
    for value, expected in zip(computed, tensors, strict=True):
        assert_close(values[value], expected.reshape(values[value].shape), inputs, value.name)


@pytest.mark.cross
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", [*FLOAT_MODELS, HYBRID_MODEL])
def test_every_layer_on_cores_with_an_fpu(name: str, board: str, testdata: Path) -> None:
    compiled = compile_model(testdata / "models" / f"{name}.tflite", load_board(board))
    types = [v.type for v in compiled.graph.inputs]
    pattern = published_input(types[0])
    inputs = [np.concatenate([pattern, *sample_inputs(types, 2, seed=1)])]
    verdict = verify_board(compiled, inputs=inputs)
    assert verdict.agrees, str(verdict.difference)
    assert not verdict.bit_exact and verdict.agreement == f"agrees within {TOLERANCE:g}"
    if name in FLOAT_MODELS:
        assert_published(name, Session(compiled.graph).run([pattern])[0], testdata)


def test_a_hybrid_model_computes_with_its_unpacked_weights(testdata: Path) -> None:
    """Its int8 weights become float constants; nothing else of it changes."""
    source = load_graph(testdata / "models" / f"{HYBRID_MODEL}.tflite")
    packed = [n for n in source.nodes if n.op.name == "Dequantize"]
    assert packed and all(n.input(0).is_const and n.input(0).type.dtype is DType.INT8 for n in packed)
    graph = optimize(source)
    assert "Dequantize" not in {n.op.name for n in graph.nodes}
    assert all(v.type.dtype is DType.FLOAT32 for v in graph.values())
