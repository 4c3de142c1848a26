"""Drawn one-node graphs: the reference interpreter, the NumPy path and the C kernels on the host give the same results.

``cross/test_property_device.py`` runs drawn graphs in the emulator.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from microgen.exporters import tflite
from microgen.ops.base import Sample
from microgen.runtime import Session
from tests.support import oracle
from tests.support.strategies_shapes import BY_OPERATOR, VIEWS
from tests.support.stream import Program
from tests.support.stream_inputs import inputs_for
from tests.support.stream_targets import HOST, HOST_DSP, ON_HOSTS, assert_none, findings, runtime_program
from tests.support.tolerance import assert_close

# Graphs are streamed in batches, so that the program starts once for many of them. No time limit for one example
# and no database: a run depends on nothing but the code.
BATCH = 20
EXAMPLES = 10
#: Over all operators the kernels get at least so many graphs, and the reference interpreter so many.
GRAPHS, REFERENCE_GRAPHS = 6000, 2000
COMMONEST = (
    *("Conv2D", "DepthwiseConv2D", "FullyConnected", "Add", "Mul", "AveragePool2D", "MaxPool2D"),
    *("Softmax", "Mean", "Pad", "Concatenation", "Logistic"),
)
#: Operators with kernels for the DSP extension; those of others are the same code again.
DSP = {operator.name for host, operator in ON_HOSTS if host == HOST_DSP}
ON_TARGETS = [(HOST, name) for name in BY_OPERATOR] + [(HOST_DSP, n) for n in BY_OPERATOR if n.split("_")[0] in DSP]
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest, host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return runtime_program(request.param, tmp_path_factory)


def equals_oracle(sample: Sample) -> None:
    inputs = inputs_for(sample.graph)
    expected = oracle.run_batch(tflite.save(sample.graph), inputs).outputs
    operands = [*inputs, *(value.const for value in sample.graph.constants())]
    for ours, theirs in zip(Session(sample.graph).run(inputs), expected, strict=True):
        assert_close(ours, theirs, operands)


def test_the_commonest_operators_are_drawn() -> None:
    assert set(COMMONEST) <= BY_OPERATOR.keys() and len(COMMONEST) == 12
    assert {"Conv2D", "DepthwiseConv2D", "FullyConnected"} <= DSP


@pytest.mark.parametrize(
    ("program", "name"),
    [pytest.param(target, name, id=f"{target}-{name}") for target, name in ON_TARGETS],
    indirect=["program"],
)
def test_kernels_equal_numpy(program: Program, name: str) -> None:
    graphs = 0

    @SETTINGS
    @given(st.lists(BY_OPERATOR[name], min_size=BATCH, max_size=BATCH))
    def holds(samples: Sequence[Sample]) -> None:
        nonlocal graphs
        graphs += len(samples)
        assert_none(findings(program, samples))

    holds()
    assert graphs * len(BY_OPERATOR) >= GRAPHS


@pytest.mark.oracle
@pytest.mark.parametrize("name", [*BY_OPERATOR, *VIEWS])
def test_numpy_equals_reference_interpreter(name: str) -> None:
    graphs = 0

    @SETTINGS
    @given(st.lists((BY_OPERATOR | VIEWS)[name], min_size=6, max_size=6))
    def holds(samples: Sequence[Sample]) -> None:
        nonlocal graphs
        graphs += len(samples)
        for sample in samples:
            equals_oracle(sample)

    holds()
    assert graphs * len(BY_OPERATOR) >= REFERENCE_GRAPHS
