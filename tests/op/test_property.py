"""Drawn one-node graphs: the reference interpreter, the NumPy path and the C kernels give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from microgen.exporters import tflite
from microgen.ops.base import Sample
from microgen.runtime import Session
from tests.support import oracle
from tests.support.strategies import BY_OPERATOR
from tests.support.stream import Program
from tests.support.stream_inputs import inputs_for
from tests.support.stream_targets import HOST, assert_none, findings, runtime_program

# Cases are streamed in batches, so that the program starts once for several graphs. No time limit for one example
# and no database: a run depends on nothing but the code.
BATCH = 12
SETTINGS = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def program(host_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return runtime_program(HOST, tmp_path_factory)


def equals_oracle(sample: Sample) -> None:
    inputs = inputs_for(sample.graph)
    expected = oracle.run_batch(tflite.save(sample.graph), inputs).outputs
    for ours, theirs in zip(Session(sample.graph).run(inputs), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", BY_OPERATOR)
def test_kernels_equal_numpy(program: Program, name: str) -> None:
    @SETTINGS
    @given(st.lists(BY_OPERATOR[name], min_size=1, max_size=BATCH))
    def holds(samples: Sequence[Sample]) -> None:
        assert_none(findings(program, samples))

    holds()


@pytest.mark.oracle
@pytest.mark.parametrize("name", BY_OPERATOR)
def test_numpy_equals_reference_interpreter(name: str) -> None:
    @SETTINGS
    @given(st.lists(BY_OPERATOR[name], min_size=1, max_size=BATCH))
    def holds(samples: Sequence[Sample]) -> None:
        for sample in samples:
            equals_oracle(sample)

    holds()
