"""Networks that MindSpore exported: its outputs, exports that it ran, and damaged files."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen import frontends
from microgen.errors import MicrogenError
from microgen.exporters.mindspore import save
from microgen.frontends.mindspore import load, schema
from microgen.mindir import Array, Graph, verify
from microgen.passes import optimize
from microgen.runtime import Session

DATA = Path(__file__).resolve().parent.parent / "data" / "mindspore"
RECORD = json.loads((DATA / "roundtrip.json").read_text())["exports"]
NETWORKS = sorted(name for name in RECORD if not name.endswith(".tflite"))
MODELS = sorted(name for name in RECORD if name.endswith(".tflite"))
_REMEDY = "what is exported has changed: run tools/make_mindspore_fixtures.py --check, which lets MindSpore run it"


def _expected(name: str) -> tuple[list[Array], list[Array]]:
    with np.load(DATA / f"{name}.npz") as arrays:
        inputs = [arrays[f"x{i}"] for i in range(sum(key.startswith("x") for key in arrays.files))]
        return inputs, [arrays[f"y{i}"] for i in range(len(arrays.files) - len(inputs))]


def _assert_agrees(graph: Graph, inputs: list[Array], outputs: list[Array]) -> None:
    found = Session(graph).run([x[None] for x in inputs])
    assert len(found) == len(outputs)
    for y, expected in zip(found, outputs, strict=True):
        assert y.shape[1:] == expected.shape
        assert np.abs(y[0] - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", [*NETWORKS, "external_graph"])
def test_outputs_are_mindspores(name: str) -> None:
    graph = load(DATA / f"{name}.mindir")
    inputs, outputs = _expected("functions" if name == "external_graph" else name)
    _assert_agrees(graph, inputs, outputs)
    _assert_agrees(optimize(graph), inputs, outputs)


def _primitives(data: bytes) -> Counter[str]:
    model = schema.new("Model")
    model.ParseFromString(data)
    return Counter(node.op_type.decode().removeprefix("REF::").split(":")[0] for node in model.graph.node)


@pytest.mark.parametrize("name", NETWORKS)
def test_exports_are_those_that_mindspore_ran(name: str) -> None:
    graph = load(DATA / f"{name}.mindir")
    exported = save(graph)
    assert hashlib.sha256(exported).hexdigest() == RECORD[name]["sha256"], _REMEDY
    assert RECORD[name]["max_difference"] <= 1e-5 * RECORD[name]["largest_output"]
    assert RECORD[name]["optimized_max_difference"] <= 1e-5 * RECORD[name]["largest_output"]
    again = load(exported, name)
    assert [(v.name, v.type) for v in again.inputs] == [(v.name, v.type) for v in graph.inputs]
    inputs, outputs = _expected(name)
    _assert_agrees(again, inputs, outputs)
    _assert_agrees(load(save(optimize(graph)), name), inputs, outputs)


@pytest.mark.parametrize("name", ["lenet", "resnet", "mobilenetv2"])
def test_exports_of_images_hold_no_changes_of_layout(name: str) -> None:
    assert _primitives(save(load(DATA / f"{name}.mindir")))["Transpose"] == 0


@pytest.mark.parametrize("name", MODELS)
def test_models_of_another_format_are_exported(test_model: Any, name: str) -> None:
    path = test_model(name)
    graph = frontends.load(path, path.read_bytes())
    exported = save(graph)
    assert hashlib.sha256(exported).hexdigest() == RECORD[name]["sha256"], _REMEDY
    assert RECORD[name]["max_difference"] <= 1e-5 * RECORD[name]["largest_output"]
    again = load(exported, "again")
    rng = np.random.default_rng(2)
    inputs = [rng.uniform(0.0, 1.0, (2, *v.shape)).astype(np.float32) for v in graph.inputs]
    for y, expected in zip(Session(again).run(inputs), Session(graph).run(inputs), strict=True):
        np.testing.assert_allclose(y, expected, atol=1e-5 * float(np.abs(expected).max()))


def test_the_same_graph_gives_the_same_bytes() -> None:
    first, second = (save(load(DATA / "resnet.mindir")) for _ in range(2))
    assert first == second


# Damaged files ---------------------------------------------------------------------------------------------


def _mutated(data: bytes, rng: random.Random) -> bytes:
    kind = rng.randrange(5)
    at = rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[at + rng.randrange(1, 9) :]
    if kind == 2:
        return data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 32))):
        changed[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


@pytest.mark.parametrize("name", ["mlp", "image_operators", "further_operators", "functions", "external_graph"])
def test_damaged_files_end_in_typed_errors(name: str) -> None:
    """Or in a graph, when what was hit is a weight or a name."""
    data = (DATA / f"{name}.mindir").read_bytes()
    rng = random.Random(7)
    loaded = refused = 0
    for _ in range(120):
        path = DATA / f"{name}.mindir"
        try:
            verify(frontends.load(path, _mutated(data, rng)))
            loaded += 1
        except MicrogenError:
            refused += 1
    assert loaded
    assert refused
