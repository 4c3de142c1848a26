"""Every path computes the same: integers byte for byte, floats within 1e-5 of the largest magnitude.

The reference path's outputs are the oracle's (test_shared_models.py). The inputs are the published one, the edges and
100 random ones.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.boards import load_board
from microgen.compiler import compile_model
from microgen.mindir import Array
from microgen.runtime import Session
from microgen.verification import TOLERANCE, verify_board
from tests.support.models import INT8_MODELS, test_batch

ModelPath = Callable[[str], Path]

FLOAT_MODELS = ("ad_autoencoder_float", "hello_world_float", "ic_resnet8_float", "vww_mobilenet_float")
HYBRID_MODEL = "kws_dscnn_hybrid"
BOARD = "mps2-an386"
#: What each path needs besides microgen.
MODULES = {"gpu": "torch", "npu": "ethosu.vela", "cpu": "onnxruntime"}


@functools.lru_cache(maxsize=2)
def reference(path: Path) -> tuple[list[Array], list[Array]]:
    """The inputs, and what the reference path makes of them."""
    graph = Model(path).graph
    inputs = test_batch(graph, random=100)
    return inputs, Session(graph).run(inputs)


def predicted(path: Path, device: str) -> list[Array]:
    """What a path makes of the same inputs, all operators of the model on it."""
    if device in MODULES:
        pytest.importorskip(MODULES[device])
    model = Model(path).build(Context((device,), threads=1))
    assert {part.delegate.name for part in model.parts} == {device}
    return model.predict(reference(path)[0])


@pytest.mark.parametrize("device", ["c", "gpu", "npu"])
@pytest.mark.parametrize("name", INT8_MODELS)
def test_the_same_bytes(name: str, device: str, test_model: ModelPath, host_gcc: str) -> None:
    path = test_model(f"{name}.tflite")
    for found, expected in zip(predicted(path, device), reference(path)[1], strict=True):
        assert len(found) == 104
        np.testing.assert_array_equal(found, expected)


@pytest.mark.cross
@pytest.mark.parametrize("name", INT8_MODELS)
def test_the_same_bytes_on_the_emulated_m4(name: str, test_model: ModelPath, testdata: Path) -> None:
    """In every layer too; poisoned arena, two invocations, with and without trace."""
    path = test_model(f"{name}.tflite")
    inputs, outputs = reference(path)
    verdict = verify_board(compile_model(path, load_board(BOARD)), inputs=inputs)
    assert verdict.bit_exact, str(verdict.difference)
    assert verdict.samples == 104
    published = json.loads((testdata / "models" / "tflm_oracle.json").read_text())[f"{name}.tflite"]["output"]
    assert outputs[0][0].reshape(-1).tolist() == published


@pytest.mark.parametrize("device", ["c", "gpu", "cpu"])
@pytest.mark.parametrize("name", [*FLOAT_MODELS, HYBRID_MODEL])
def test_floats_are_close(name: str, device: str, test_model: ModelPath, host_gcc: str) -> None:
    path = test_model(f"{name}.tflite")
    for found, expected in zip(predicted(path, device), reference(path)[1], strict=True):
        assert len(found) == 104 and found.dtype == expected.dtype
        assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()
