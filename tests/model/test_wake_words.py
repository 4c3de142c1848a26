"""Streaming wake-word models: 200 steps, whose state goes from one to the next, as in the reference interpreter."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import compile_model, load_graph
from microgen.exporters import tflite as exporter
from microgen.mindir import Array, Graph
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import verify_board
from tests.support import oracle

STEPS = 200
NAMES = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the package has its models; its native library is not loaded."""
    found = importlib.util.find_spec("pymicro_wakeword")
    assert found is not None and found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "models"


def sound(graph: Graph, steps: int = STEPS) -> Array:
    """Features that move as those of a sound do: slowly, with loud and silent times."""
    random = np.random.default_rng(5)
    (source,) = graph.inputs
    bands = np.cumsum(random.normal(0.0, 9.0, (steps, *source.shape)), axis=0)
    loud = 40.0 * np.sin(np.arange(steps) / 17.0).reshape(-1, *(1,) * len(source.shape))
    return np.clip(bands + loud - 40.0, -128, 127).astype(np.int8)


@pytest.mark.oracle
@pytest.mark.parametrize("name", NAMES)
def test_every_step_and_layer_is_the_oracles(name: str, folder: Path) -> None:
    path = folder / f"{name}.tflite"
    graph = load_graph(path)
    assert len(graph.states) == 6 and str(graph.outputs[0].type.dtype) == "uint8"
    x = sound(graph)
    (expected,) = oracle.run_batch(path.read_bytes(), [x]).outputs
    assert np.array_equal(Session(optimize(graph)).run([x])[0], expected)
    # The oracle keeps no inner tensors of a model with variables: they are made outputs of a file of their own.
    inner = [value for node in graph.nodes for value in node.outputs if value.type.dtype.size == 1]
    opened = Graph(graph.name, graph.inputs, inner, graph.nodes, graph.states)
    theirs = oracle.run_batch(exporter.save(opened), [x]).outputs
    ours = Session(graph).run_all([x])
    for value, tensor in zip(inner, theirs, strict=True):
        assert np.array_equal(ours[value], tensor.reshape(ours[value].shape)), value.name
    assert np.array_equal(theirs[inner.index(graph.outputs[0])], expected)
    telling = [value for value in inner if len(np.unique(ours[value])) > 8]
    assert len(telling) > len(inner) / 2, "the steps must differ"


@pytest.mark.cross
@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
@pytest.mark.parametrize("name", NAMES)
def test_the_device_computes_the_same(name: str, board: str, folder: Path, arm_gcc: str, qemu_arm: str) -> None:
    compiled = compile_model(folder / f"{name}.tflite", load_board(board))
    verdict = verify_board(compiled, inputs=[sound(compiled.graph)])
    assert verdict.bit_exact, str(verdict.difference)
    assert verdict.samples == STEPS
    # Nothing but the windows is kept, and none of them is copied.
    windows = sum(-(-state.before.type.nbytes // 4) * 4 for state in compiled.graph.states)
    assert compiled.plan.state_bytes == -(-windows // 16) * 16
    assert all(node.op.name != "Copy" for node in compiled.graph.nodes)


@pytest.mark.cross
def test_sixteen_kilobytes_are_enough(folder: Path, arm_gcc: str, qemu_arm: str) -> None:
    compiled = compile_model(folder / "hey_jarvis.tflite", load_board("microbit"))
    verdict = verify_board(compiled, inputs=[sound(compiled.graph, 8)])
    assert verdict.bit_exact, str(verdict.difference)
