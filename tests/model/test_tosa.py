"""The sub-graphs that the NPU path runs, a second way: TOSA's reference model, the simulator and the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model, tosa
from microgen.compiler import load_graph
from microgen.delegates.ethos_u import EthosU
from microgen.errors import UnsupportedError
from microgen.exporters import tflite as exporter
from microgen.ops.registry import operators
from microgen.runtime import Session
from microgen.runtime.delegate import Reference, find_delegate
from microgen.runtime.partition import assign, partition
from tests.op.test_operators_numpy import inputs_of
from tests.support.command import Run
from tests.support.models import INT8_MODELS, test_batch
from tests.support.npu_networks import need_vela
from tests.support.tosa import tosa_python

#: Claimed samples: together they have every kind of arithmetic.
SAMPLES = (
    *("Conv2D-3x3_stride2_odd", "DepthwiseConv2D-dilated_multiplier", "FullyConnected-product_of_scales"),
    *("AveragePool2D-3x3_same_stride2_odd", "Mean-count_63", "Sub-relu_n1_to_1", "Mul-alternate", "Softmax-image"),
)


@pytest.fixture(scope="session")
def _made() -> Path:
    return tosa_python()


@pytest.fixture(autouse=True)
def _tools(_made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tosa.TOSA_PYTHON, str(_made))


@pytest.mark.parametrize("name", INT8_MODELS)
def test_the_npus_sub_graphs_give_the_same_bytes(name: str, testdata: Path) -> None:
    need_vela()
    graph = load_graph(testdata / "models" / f"{name}.tflite")
    inputs = test_batch(graph, 4)
    npu = EthosU("ethos-u55-128")
    (part,) = partition(graph, assign(graph, [npu, Reference()]))
    assert part.delegate is npu
    delegate = find_delegate("tosa")
    assert not [tosa.refusal(node) for node in part.graph.nodes if tosa.refusal(node)]
    expected = Session(part.graph).run(inputs)
    for path in (npu, delegate):
        for found, wanted in zip(path.compile(part.graph, 1).run(inputs), expected, strict=True):
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted, err_msg=path.name)
    assert all(len(np.unique(array)) > 1 for array in expected)


@pytest.mark.parametrize("name", SAMPLES)
def test_operators_give_the_same_bytes(name: str) -> None:
    operator, _, label = name.partition("-")
    (sample,) = (s for o in operators() if o.name == operator for s in o.samples() if s.id == label)
    assert not tosa.refusal(sample.graph.nodes[0])
    inputs = inputs_of(sample.graph)
    executable = find_delegate("tosa").compile(sample.graph, 1)
    for found, wanted in zip(executable.run(inputs), Session(sample.graph).run(inputs), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_changed_weight_is_seen(testdata: Path) -> None:
    """The check can fail: TOSA computes from the model, not from the reference's outputs."""
    graph = load_graph(testdata / "models" / "hello_world_int8.tflite")
    inputs = test_batch(graph, 4)
    model = bytearray(exporter.save(graph))
    weights = graph.nodes[0].input(1).data
    assert weights is not None
    place = bytes(model).index(weights.tobytes())
    model[place + int(np.abs(weights).argmax())] ^= 0x55
    (found,) = tosa.execute(tosa.convert(bytes(model)), inputs)
    assert (found != Session(graph).run(inputs)[0]).any()


def test_why_average_poolings_with_an_activation_are_left(testdata: Path) -> None:
    """Their activation is lost: what TOSA gives, clamped, is what the reference gives."""
    (kind,) = [o for o in operators() if o.name == "AveragePool2D"]
    (sample,) = [s for s in kind.samples() if s.id == "relu6"]
    node = sample.graph.nodes[0]
    assert "drops the activation" in tosa.refusal(node)
    inputs = inputs_of(sample.graph)
    (found,) = tosa.execute(tosa.convert(exporter.save(sample.graph)), inputs)
    (expected,) = Session(sample.graph).run(inputs)
    assert (found != expected).any()
    low, high = node.op.activation.bounds(node.output.type)
    np.testing.assert_array_equal(np.clip(found, low, high), expected)


def test_what_the_tools_refuse_is_said() -> None:
    (kind,) = [o for o in operators() if o.name == "Greater"]
    (sample,) = [s for s in kind.samples() if s.id == "image"]
    with pytest.raises(UnsupportedError, match="leaves an operator as it is"):
        tosa.convert(exporter.save(sample.graph))
    with pytest.raises(UnsupportedError, match="the TOSA tools"):
        tosa.convert(b"no model")


def test_no_samples_give_none(testdata: Path) -> None:
    model = Model(testdata / "models" / "hello_world_int8.tflite").build(Context(("tosa",)))
    assert [part.delegate.name for part in model.parts] == ["tosa"]
    assert model.predict([np.empty((0, 1, 1), np.int8)])[0].shape == (0, 1, 1)


def test_command_line(testdata: Path, microgen: Run) -> None:
    model = testdata / "models" / "hello_world_int8.tflite"
    outcome = microgen("compare", model, "--paths", "tosa", "--samples", 1)
    assert outcome.code == 0 and outcome.out.count("3 of 3") == 2, outcome
    outcome = microgen("inspect", testdata / "models" / "ic_resnet8_float.tflite", "--path", "tosa")
    assert outcome.code == 0 and "computes quantized int8" in outcome.out, outcome
