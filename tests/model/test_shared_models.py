"""The published int8 models: NumPy equals the oracle on every layer, before and after the passes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from microgen.compiler import load_graph
from microgen.mindir import Value, verify
from microgen.ops.call import Target
from microgen.passes import optimize
from microgen.plan import check, make_plan
from microgen.runtime import Session
from tests.support.models import INT8_MODELS, oracle_layers, test_batch


@pytest.mark.parametrize("name", INT8_MODELS)
def test_every_layer_equals_the_oracle(name: str, testdata: Path) -> None:
    path = testdata / "models" / f"{name}.tflite"
    source = load_graph(path)
    inputs = test_batch(source, random=12)
    expected = oracle_layers(path.read_bytes(), source, inputs)
    graph = optimize(source)
    verify(graph)
    compared = 0
    for run in (source, graph):
        for value, array in Session(run).run_all(inputs).items():
            if isinstance(value, Value) and value in expected:
                np.testing.assert_array_equal(array, expected[value], err_msg=value.name)
                compared += 1
    # Everything that the passes left is still compared: only what they merged away is missing.
    assert compared == len(source.nodes) + len(graph.nodes)


@pytest.mark.parametrize("name", INT8_MODELS)
def test_published_outputs(name: str, testdata: Path) -> None:
    published = json.loads((testdata / "models" / "tflm_oracle.json").read_text())[f"{name}.tflite"]
    source = load_graph(testdata / "models" / f"{name}.tflite")
    inputs = [a[:1] for a in test_batch(source, random=0)]
    values = Session(source).run_all(inputs)
    assert values[source.outputs[0]].reshape(-1).tolist() == published["output"]
    for node, layer in zip(source.nodes, published["layers"], strict=True):
        digest = hashlib.sha256(values[node.output].tobytes()).hexdigest()
        assert digest.startswith(layer["sha256"]), node.label
    if "before_softmax" in published:
        assert values[source.nodes[-1].input(0)].reshape(-1).tolist() == published["before_softmax"]


@pytest.mark.parametrize(
    ("name", "limit"),
    [("ad_autoencoder_int8", 1_000), ("kws_dscnn_int8", 16_300), ("ic_resnet8_int8", 50_000),
     ("vww_mobilenet_int8", 55_600)],
)  # fmt: skip
def test_arena_stays_within_the_published_limits(name: str, limit: int, testdata: Path) -> None:
    plan = make_plan(optimize(load_graph(testdata / "models" / f"{name}.tflite")), Target())
    check(plan)
    assert plan.arena_bytes <= limit
