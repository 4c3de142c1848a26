"""The audio operators that keep something, against TensorFlow Lite Micro's, invocation after invocation."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.errors import UnsupportedError, VerifyError
from microgen.exporters.tflite import write
from microgen.frontends.tflite import load
from microgen.mindir import DType, TensorType
from microgen.ops import sampling
from microgen.ops.base import Op
from microgen.ops.signal_delay import SignalDelay
from microgen.ops.signal_filter_bank_spectral_subtraction import SignalFilterBankSpectralSubtraction
from microgen.ops.signal_framer import SignalFramer
from microgen.ops.signal_overlap_add import SignalOverlapAdd
from microgen.ops.signal_stacker import SignalStacker
from microgen.runtime import Session
from tests.support.oracle import Oracle

pytestmark = pytest.mark.oracle

INVOCATIONS = 24
STREAMS: list[tuple[Op, DType, tuple[int, ...]]] = [
    *((SignalDelay(delay), DType.INT16, shape) for delay in (1, 7, 160) for shape in ((7,), (2, 3, 5))),
    *((SignalFramer(size, 4, False), DType.INT16, (2, 8)) for size in (3, 4, 5, 8, 21)),
    *((SignalFramer(size, 4, True), DType.INT16, (12,)) for size in (4, 5, 8, 21)),
    *(
        (SignalStacker(left, right, step), DType.INT16, (3,))
        for left, right in ((0, 0), (0, 3), (2, 0), (3, 2))
        for step in sorted({1, left + 1, left + 1 + right})
    ),
    *((SignalOverlapAdd(step), DType.INT16, (2, 3, 8)) for step in (1, 3, 8)),
    *((SignalOverlapAdd(step), DType.FLOAT32, (2, 8)) for step in (1, 3, 8)),
    (SignalFilterBankSpectralSubtraction(410, 983, 10, 819), DType.UINT32, (9,)),
    (SignalFilterBankSpectralSubtraction(410, 983, 10, 819, clamping=True), DType.UINT32, (9,)),
]


@pytest.mark.parametrize(("op", "dtype", "shape"), STREAMS, ids=str)
def test_streams(op: Op, dtype: DType, shape: tuple[int, ...]) -> None:
    """From the file that the exporter wrote; a new run begins as the first one did."""
    data = write(sampling.single(op, "stream", [TensorType(dtype, shape)], None).graph)
    graph = load(data)
    assert graph.nodes[0].op == op
    random = np.random.default_rng(INVOCATIONS)
    if dtype is DType.FLOAT32:
        x = random.normal(0.0, 1.0, (INVOCATIONS, *shape)).astype(np.float32)
    else:
        x = random.integers(*dtype.limits, (INVOCATIONS, *shape), endpoint=True).astype(dtype.numpy)
    found = Session(graph).run([x])
    expected = Oracle(data).run_batch([x]).outputs
    if found[-1].dtype == np.bool_:
        np.testing.assert_array_equal(found[1], expected[1])
        assert expected[1].any()
        # The interpreter leaves what is not complete as it was: stacks, and frames before the first full one.
        if isinstance(op, SignalFramer):
            count, missing = shape[-1] // op.step, int(op.initial_states(graph.inputs)[1][0])
            for number in range(missing):
                expected[0][number // count, ..., number % count, :] = 0
        else:
            expected[0][~expected[1]] = 0
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for again, first in zip(Session(graph).run([x]), found, strict=True):
        np.testing.assert_array_equal(again, first)


def refusal(op: Op, shape: tuple[int, ...]) -> str:
    """Why the file with an operator, which nothing has checked, is not read."""
    data = write(sampling.single(op, "bad", [TensorType(DType.INT16, shape)], None).graph)
    with pytest.raises((UnsupportedError, VerifyError)) as error:
        load(data)
    return str(error.value)


@pytest.mark.parametrize(
    ("op", "shape", "what"),
    [
        (SignalDelay(1 << 20), (8,), "delay_length is 1048576"),
        (SignalFramer(3, 4, True), (8,), "frames of 3 samples, less than their step of 4"),
        (SignalFramer(1 << 20, 4, False), (8,), "frames of 1048576 samples"),
        (SignalStacker(1, 1, 4), (8,), "the step is 4, not 1 to 3"),
        (SignalStacker(1 << 13, 1, 1), (8,), "the frames before and after are 8192 and 1"),
    ],
    ids=str,
)
def test_options_that_the_interpreter_fails_on(op: Op, shape: tuple[int, ...], what: str) -> None:
    assert what in refusal(op, shape)
