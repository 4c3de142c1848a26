"""Recurrent layers as Keras and TensorFlow's converter leave them: loops and unrolled steps, floats and int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen.codegen.lower import build_view
from microgen.codegen.view import LoopView
from microgen.frontends import tflite
from microgen.mindir import Array, Graph
from microgen.ops.call import Target
from microgen.passes import optimize
from microgen.plan import make_plan, order_recurrences
from microgen.plan.recurrence import Recurrence, recurrences
from microgen.resources import runtime_c_dir
from microgen.runtime import Session
from tests.support.oracle import Oracle

DATA = Path(__file__).parent.parent / "data" / "recurrent"
NAMES = sorted(path.stem for path in DATA.glob("*.tflite"))


def data_for(graph: Graph, samples: int = 6) -> Array:
    chance = np.random.default_rng(11)
    value = graph.inputs[0]
    shape = (samples, *value.shape)
    if value.type.dtype.is_float:
        return chance.standard_normal(shape).astype(np.float32)
    return chance.integers(-128, 128, shape).astype(np.int8)


def test_models_are_there() -> None:
    assert len(NAMES) == 7


def test_equals_tensorflow_where_the_oracle_does_not_end() -> None:
    """The interpreter for microcontrollers runs for ever on tensors whose shapes change from step to step."""
    given = np.load(DATA / "rnn_loop_sequence.npz")
    graph = optimize(tflite.load(DATA / "rnn_loop_sequence.tflite"))
    (result,) = Session(graph).run([given["input"][None]])
    np.testing.assert_allclose(result[0].astype(np.float64), given["output"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if "sequence" not in name])
def test_equals_the_oracle(name: str) -> None:
    model = (DATA / f"{name}.tflite").read_bytes()
    graph = tflite.load(model)
    data = data_for(graph)
    oracle = Oracle(model)
    wanted = np.stack([oracle.run([sample]).outputs[0] for sample in data])
    (result,) = Session(optimize(graph)).run([data])
    if wanted.dtype == np.float32:
        np.testing.assert_allclose(result.astype(np.float64), wanted, rtol=0, atol=1e-5)
    else:
        np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_one_loop(name: str) -> None:
    """All steps but the first, which begins with zeros, are one loop in C."""
    graph = optimize(tflite.load(DATA / f"{name}.tflite"))
    order_recurrences(graph)
    view = build_view(make_plan(graph, Target()), "net", runtime_c_dir())
    (loop,) = view.loops
    assert isinstance(loop, LoopView)
    assert loop.steps == 7
    outside = [section for section in view.sections if not isinstance(section, LoopView)]
    assert len(outside) + loop.steps * loop.period == len(view.layers)
    assert len(outside) < 2 * loop.period


def test_a_list_of_results_is_made_at_once() -> None:
    graph = optimize(tflite.load(DATA / "rnn_loop_sequence.tflite"))
    (whole,) = [node for node in graph.nodes if node.op.name == "Concatenation"]
    assert len(whole.inputs) == 8


def test_recurrences_are_found() -> None:
    keys = list("xy" + "abc" * 4 + "ab" + "z" + "pq" * 3)
    costs = [1] * len(keys)
    assert recurrences(keys, costs) == [Recurrence(2, 3, 4)]
    assert recurrences(list("pq" * 4), [1] * 8) == [Recurrence(0, 2, 4)]
    assert recurrences(list("abcdefgh" * 2), [1] * 16) == []
    assert recurrences(["v"] * 40, [0] * 40) == []


def test_the_model_takes_no_loop_that_depends_on_the_input() -> None:
    from microgen.errors import VerifyError
    from microgen.frontends import tflite_control
    from microgen.mindir import DType, TensorType, Value

    goes_on = Value("goes_on", TensorType(DType.BOOL, ()))
    given = Value("given", TensorType(DType.INT32, ()))
    with pytest.raises(VerifyError, match="depends on the input"):
        tflite_control.unroll(lambda v: ([], [goes_on]), lambda v: ([], list(v)), [given], [given])
    true = Value("true", TensorType(DType.BOOL, ()), np.array(True))
    with pytest.raises(VerifyError, match="more than"):
        tflite_control.unroll(lambda v: ([], [true]), lambda v: ([], list(v)), [given], [given])
    with pytest.raises(VerifyError, match="depends on the input"):
        tflite_control.branch(lambda v: ([], []), lambda v: ([], []), goes_on, [], [])
