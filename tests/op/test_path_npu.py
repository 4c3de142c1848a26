"""Path npu: what an Ethos-U would compute, against the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, QuantParams, TensorType
from microgen.ops.add import Add
from microgen.ops.attributes import Activation
from microgen.ops.registry import operators
from microgen.runtime import Session
from microgen.runtime.delegate import No, Yes, find_delegate, known_paths
from tests.support.command import Run
from tests.support.models import test_batch

pytest.importorskip("ethosu.vela", reason='pip install "microgen[npu]"')


@pytest.mark.parametrize("name", ["kws_dscnn_int8", "ic_resnet8_int8", "micro_speech_int8"])
def test_the_same_bytes_as_the_reference(name: str, testdata: Path) -> None:
    """Path npu: tests/model/test_paths_agree.py."""
    path = "ethos-u65-256"
    model = Model(testdata / "models" / f"{name}.tflite").build(Context((path,)))
    inputs = test_batch(model.graph, 6)
    for found, expected in zip(model.predict(inputs), Session(model.graph).run(inputs), strict=True):
        np.testing.assert_array_equal(found, expected)
    taken = sum(a.delegate.name == path for a in model.assignments)
    assert taken == len(model.graph.nodes), [a.refusals for a in model.assignments if a.refusals]


def test_what_the_npu_leaves_is_on_the_reference(testdata: Path) -> None:
    """A float model has nothing for it."""
    model = Model(testdata / "models" / "ic_resnet8_float.tflite").build(Context(("npu",)))
    assert {a.delegate.name for a in model.assignments} == {"reference"}
    assert all(refusals for a in model.assignments for refusals in [a.refusals])
    inputs = test_batch(model.graph, 1)
    np.testing.assert_array_equal(model.predict(inputs)[0], Session(model.graph).run(inputs)[0])


def test_claims() -> None:
    delegate = find_delegate("npu")
    claims = [delegate.claims(s.graph.nodes[0]) for o in operators() for s in o.samples()]
    assert any(isinstance(c, Yes) for c in claims)
    assert all(c.reason for c in claims if isinstance(c, No))
    assert {"npu", "ethos-u55-32", "ethos-u65-512"} <= set(known_paths())


@pytest.mark.parametrize("operator", ["Conv2D", "DepthwiseConv2D", "FullyConnected"])
def test_factors_above_one_are_left_to_the_reference(operator: str) -> None:
    (kind,) = [o for o in operators() if o.name == operator]
    (sample,) = [s for s in kind.samples() if s.id == "factor_far_above_1"]
    claim = find_delegate("npu").claims(sample.graph.nodes[0])
    assert isinstance(claim, No) and "above the output" in claim.reason


def test_command_line(testdata: Path, microgen: Run) -> None:
    model = testdata / "models" / "hello_world_int8.tflite"
    outcome = microgen("compare", model, "--paths", "npu,c", "--samples", 2)
    assert outcome.code == 0 and outcome.out.count("3 of 3") == 4, outcome


def test_scalars_are_left_to_the_reference() -> None:
    """Vela refuses a network that has one."""
    builder = GraphBuilder("scalars")
    quant = QuantParams.per_tensor(0.1, 3)
    x, y = (builder.input(name, TensorType(DType.INT8, (), quant)) for name in "xy")
    graph = builder.graph([builder.add(Add(Activation.NONE), x, y, quant=quant)])
    model = Model(graph).build(Context(("npu",)))
    assert [part.delegate.name for part in model.parts] == ["reference"]
    assert model.predict([np.int8([4, 5]), np.int8([3, -3])])[0].tolist() == [4, -1]
