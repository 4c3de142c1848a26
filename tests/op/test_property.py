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
from tests.support.strategies_shapes import BY_OPERATOR
from tests.support.stream import Program
from tests.support.stream_inputs import inputs_for
from tests.support.stream_targets import HOSTS, assert_none, findings, runtime_program
from tests.support.tolerance import assert_close

# Graphs are streamed in batches, so that the program starts once for many of them. No time limit for one example
# and no database: a run depends on nothing but the code.
BATCH = 20
EXAMPLES = 15
#: Every flavour of the kernels gets at least so many graphs, over all operators.
GRAPHS = 2000
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", params=HOSTS)
def program(request: pytest.FixtureRequest, host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return runtime_program(request.param, tmp_path_factory)


def equals_oracle(sample: Sample) -> None:
    inputs = inputs_for(sample.graph)
    expected = oracle.run_batch(tflite.save(sample.graph), inputs).outputs
    operands = [*inputs, *(value.const for value in sample.graph.constants())]
    for ours, theirs in zip(Session(sample.graph).run(inputs), expected, strict=True):
        assert_close(ours, theirs, operands)


@pytest.mark.parametrize("name", BY_OPERATOR)
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
@pytest.mark.parametrize("name", BY_OPERATOR)
def test_numpy_equals_reference_interpreter(name: str) -> None:
    @SETTINGS
    @given(st.lists(BY_OPERATOR[name], min_size=1, max_size=BATCH))
    def holds(samples: Sequence[Sample]) -> None:
        for sample in samples:
            equals_oracle(sample)

    holds()
