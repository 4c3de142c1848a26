"""Networks with int16 activations and int8 weights that TensorFlow made: every layer equals the oracle, on the host
before and after the passes and, bit for bit, on the boards.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import compile_model, load_graph
from microgen.exporters import tflite as exporter
from microgen.mindir import DType, Value, verify
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import sample_inputs, verify_board
from tests.support import oracle
from tests.support.models import oracle_layers

FOLDER = Path(__file__).parents[1] / "data" / "int16"
MODELS = ("audio", "image")
ON_BOARDS = (("audio", "microbit"), ("audio", "mps2-an386"), ("audio", "mps3-an547"), ("image", "mps2-an386"),
             ("image", "mps3-an547"))  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", MODELS)
def test_every_layer_equals_the_oracle(name: str) -> None:
    path = FOLDER / f"{name}.tflite"
    source = load_graph(path)
    assert all(value.type.dtype is DType.INT16 for value in (*source.inputs, *source.outputs))
    inputs = sample_inputs([v.type for v in source.inputs], 12, seed=7)
    expected = oracle_layers(path.read_bytes(), source, inputs)
    graph = optimize(source)
    verify(graph)
    for run, least in ((source, len(source.nodes)), (graph, 2 * len(graph.nodes) // 3)):
        compared = 0
        for value, array in Session(run).run_all(inputs).items():
            if isinstance(value, Value) and value in expected:
                np.testing.assert_array_equal(array, expected[value], err_msg=value.name)
                compared += 1
        # The passes make values of their own where they move a reshape.
        assert compared >= least
        assert all(value in expected for value in run.outputs)


@pytest.mark.oracle
@pytest.mark.parametrize("name", MODELS)
def test_what_is_exported_is_the_same_network(name: str) -> None:
    graph = optimize(load_graph(FOLDER / f"{name}.tflite"))
    inputs = sample_inputs([v.type for v in graph.inputs], 4, seed=3)
    written = oracle.run_batch(exporter.save(graph), inputs).outputs
    for ours, theirs in zip(Session(graph).run(inputs), written, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.cross
@pytest.mark.parametrize(("name", "board"), ON_BOARDS)
def test_every_layer_on_the_boards(name: str, board: str, arm_gcc: str, qemu_arm: str) -> None:
    verdict = verify_board(compile_model(FOLDER / f"{name}.tflite", load_board(board)), samples=4, seed=1)
    assert verdict.bit_exact, str(verdict.difference)
