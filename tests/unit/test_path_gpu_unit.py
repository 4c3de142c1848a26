"""Path gpu: in which floating type sums are exact, the staircase of requantization, settings, the CLI."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen import arith
from microgen.cli import main
from microgen.delegates.gpu import Gpu, exact, windows
from microgen.delegates.gpu.program import Program
from microgen.delegates.gpu.settings import exact_arithmetic
from microgen.errors import ToolMissing
from microgen.mindir import DType, Graph, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import NO_PADDING
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.runtime import Session
from tests.op.test_operators_numpy import inputs_of

CPU = torch.device("cpu")
MODEL = "kws_dscnn_int8.tflite"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def arith_numbers() -> tuple[arith.Ints, arith.Ints]:
    """Two million pairs of 32-bit numbers: random ones of all sizes, and all pairs of those at the edges."""
    random = np.random.default_rng(5)
    edges = [sign * (2**bit + d) for bit in (0, 1, 15, 30, 31) for d in (-1, 0, 1) for sign in (1, -1)]
    special = np.array(sorted({min(max(e, arith.INT32_MIN), arith.INT32_MAX) for e in edges}), np.int64)
    sizes = random.integers(0, 32, 2_000_000)
    parts = [random.integers(arith.INT32_MIN, arith.INT32_MAX, len(sizes), endpoint=True) >> s for s in (sizes, 0)]
    return (
        np.concatenate([parts[0], np.repeat(special, len(special))]),
        np.concatenate([parts[1], np.tile(special, len(special))]),
    )


def test_arith_on_tensors_is_arith_on_arrays() -> None:
    a, b = arith_numbers()
    exponents = np.arange(len(a)) % 32
    positive = np.abs(a) & arith.INT32_MAX
    for function, operands in (
        (arith.wrap32, (a * 3,)),
        (arith.saturating_rounding_doubling_high_mul, (a, b)),
        (arith.rounding_divide_by_pot, (a, exponents)),
        (arith.multiply_by_quantized_multiplier, (a, b, exponents - 15)),
        (arith.multiply_by_quantized_multiplier, (a, 1518500250, -7)),
        (arith.saturating_left_shift, (a, exponents)),
        (arith.rounding_half_sum, (a, b)),
        (arith.one_over_one_plus_x, (positive,)),
    ):
        tensors = (torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in operands)
        np.testing.assert_array_equal(function(*tensors), function(*operands), err_msg=function.__name__)
    reals = np.concatenate([a.astype(np.float32) / 977, np.float32([np.nan, np.inf, -np.inf, 3e38, -0.0, 1e-45])])
    for scale in (float(np.float32(0.05)), 0.5, float(np.float32(1e-39)), 1e30):
        found = arith.quantize_float(torch.from_numpy(reals), scale, -3, -128, 127)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, arith.quantize_float(reals, scale, -3, -128, 127))


def gemmlowp(x: int, multiplier: int, shift: int) -> int:
    """The requantization as it is specified, in whole numbers without limit."""
    product = x * 2 ** max(shift, 0) * multiplier
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    high = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)
    right = max(-shift, 0)
    return (abs(high) + (2**right >> 1)) // 2**right * (1 if high >= 0 else -1)


@given(st.integers(-(2**23), 2**23), st.integers(2**30, 2**31 - 1), st.integers(-31, 8))
def test_arith_is_gemmlowp(x: int, multiplier: int, shift: int) -> None:
    assert arith.multiply_by_quantized_multiplier(np.array([x]), multiplier, shift) == gemmlowp(x, multiplier, shift)


def dense(weights: list[int], zero_point: int) -> Graph:
    """A dense layer of one output."""
    data = np.array([weights], np.int8)
    matrix = Value("w", TensorType(DType.INT8, data.shape, QuantParams.per_tensor(0.01, 0)), data)
    source = sampling.int8((1, len(weights)), 0.05, zero_point)
    return sampling.single(FullyConnected(), "edge", (source, matrix, None), QuantParams.per_tensor(900.0, 0)).graph


def test_float32_ends_below_two_to_the_24(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum that may be 2^24 is not taken in float32: one less is."""
    assert exact.products_dtype((1 << 24) - 1) is torch.float32
    assert exact.products_dtype(1 << 24) is torch.float64
    bounds = exact.sums_bound(np.array([[127, -128, 1], [0, 0, -3]]), 255)
    assert bounds.tolist() == [256 * 255, 3 * 255]
    # A zero point of 0 makes inputs of at most 128: 2^17 = 131072 in weights reach 2^24.
    full = [-128] * 1023 + [127]
    chosen: list[torch.dtype] = []
    original = exact.products_dtype
    monkeypatch.setattr(exact, "products_dtype", lambda bound: chosen.append(original(bound)) or chosen[-1])
    for weights, wanted in (([*full, 1], torch.float64), (full, torch.float32)):
        graph = dense(weights, 0)
        total = int(np.abs(np.array(weights)).sum()) * 128
        assert total == (1 << 24) - (0 if wanted is torch.float64 else 128)
        inputs = [np.stack([np.full((1, len(weights)), v, np.int8) for v in (-128, 127, 3)])]
        found = Program(graph, 1).run(inputs)
        np.testing.assert_array_equal(found, Session(graph).run(inputs))
        assert chosen[-1] is wanted


def test_sums_beyond_float32_are_right() -> None:
    """Products whose sum float32 loses: an odd number above 2^24."""
    graph = dense([-128] * 2000 + [1], -128)
    inputs = [np.full((1, 1, 2001), 127, np.int8)]
    inputs[0][0, 0, -1] = -127
    exact_sum = -128 * 255 * 2000 + 1
    assert int(np.float32(exact_sum)) != exact_sum
    np.testing.assert_array_equal(Program(graph, 1).run(inputs), Session(graph).run(inputs))


numbers = st.tuples(st.integers(2**30, 2**31 - 1), st.integers(-20, 3), st.integers(-(2**20), 2**20))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(numbers, st.just((1 << 30, -6, 0)), st.just((0, 0, 77))), min_size=1, max_size=5),
    st.integers(-128, 127),
    st.booleans(),
    st.sampled_from((100, 70_000, 1 << 22)),
)
def test_requantizing_is_arith(channels: list[tuple[int, int, int]], zero: int, relu: bool, bound: int) -> None:
    multipliers, shifts, bias = (np.array(column, np.int64) for column in zip(*channels, strict=True))
    limits = (zero if relu else -128, 127)
    made = exact.Requantizer(multipliers, shifts, bias, bound, zero, limits, CPU)
    sums = np.unique(np.linspace(-bound, bound, 20_001).astype(np.int64))
    # All steps of the line lie near these.
    slope = np.maximum(multipliers, 1) * 2.0 ** (shifts - 31.0)
    steps = (np.arange(-129, 129)[:, np.newaxis] - 0.5 - zero) / slope - bias
    near = np.concatenate([np.floor(steps) + d for d in (-1, 0, 1, 2)]).clip(-bound, bound).astype(np.int64)
    every = np.concatenate([np.broadcast_to(sums[:, np.newaxis], (len(sums), len(channels))), near])
    scaled = arith.multiply_by_quantized_multiplier(arith.wrap32(every + bias), multipliers, shifts)
    wanted = np.clip(arith.wrap32(scaled + zero), *limits)
    for kind in (torch.float32, torch.float64):
        np.testing.assert_array_equal(made(torch.from_numpy(every).to(kind)), wanted)


def test_a_line_is_taken_only_where_arith_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (np.array([1518500250]), np.array([-8]), np.array([11]), np.array([1 << 20]))
    assert exact.Requantizer(*numbers, 3, (-128, 127), CPU).is_line
    assert exact.Requantizer(*numbers, 3, (3, 127), CPU).is_line
    right = exact.Requantizer._slope
    for change in (lambda s, h: (s * 1.0001, h), lambda s, h: (s, h + 0.01), lambda s, h: (s, np.full_like(h, 0.5))):
        monkeypatch.setattr(exact.Requantizer, "_slope", lambda self, change=change: change(*right(self)))
        wrong = exact.Requantizer(*numbers, 3, (-128, 127), CPU)
        sums = np.arange(-(1 << 17), 1 << 17)[:, np.newaxis]
        assert not wrong.is_line
        np.testing.assert_array_equal(wrong(torch.from_numpy(sums).float()), wrong.exact(sums))


@pytest.mark.parametrize(
    ("multiplier", "shift", "zero", "bound"),
    [
        pytest.param(2**31 - 1, 0, 127, 2**31 - 1, id="the zero point wraps"),
        pytest.param(1 << 30, 10, 0, 3 << 20, id="the left shift wraps"),
        pytest.param(1 << 30, -20, 3, 1 << 30, id="ties that float64 cannot tell"),
    ],
)
def test_where_no_line_will_do(multiplier: int, shift: int, zero: int, bound: int) -> None:
    made = exact.Requantizer(np.array([multiplier]), np.array([shift]), 0, bound, zero, (-128, 127), CPU)
    assert not made.is_line
    step = max(bound // 1000, 1)
    sums = np.concatenate([np.arange(-bound, bound, step), np.arange(bound - 300, bound + 1)])[:, np.newaxis]
    wanted = arith.wrap32(arith.multiply_by_quantized_multiplier(arith.wrap32(sums), multiplier, shift) + zero)
    np.testing.assert_array_equal(made(torch.from_numpy(sums).double()), wanted.clip(-128, 127))


def test_a_line_keeps_away_from_ties() -> None:
    """A quarter a step: without what is added to tell ties apart, float64 would have to be right to the last bit."""
    made = exact.Requantizer(np.array([1 << 30]), np.array([-1]), 0, 1000, 3, (3, 127), CPU)
    slope, half = made._slope()
    assert slope == 0.25 and half == 0.75 + 2.0**-33
    assert made._same_steps(slope, half + 3, lambda values: values)
    assert not made._same_steps(slope, np.array([0.75 + 3]), lambda values: values)


@pytest.mark.parametrize("operator", [Conv2D, DepthwiseConv2D], ids=lambda o: o.name)
def test_convolutions_as_on_a_gpu(operator: type[Conv2D | DepthwiseConv2D], monkeypatch: pytest.MonkeyPatch) -> None:
    """What CUDA runs, on the processor: matrix products and sums position by position."""
    monkeypatch.setattr(windows, "library_sums", windows.taps_sums)
    count = 0
    for sample in operator.samples():
        graph = sample.graph
        image = graph.nodes[0].input(0).type
        if image.quant is None or image.dtype is not DType.INT8:
            continue
        inputs = inputs_of(graph)
        for found, expected in zip(Program(graph, 1).run(inputs), Session(graph).run(inputs), strict=True):
            np.testing.assert_array_equal(found, expected, err_msg=sample.id)
        count += 1
    assert count > 20


def test_settings_are_put_back() -> None:
    def state() -> list[object]:
        backends = torch.backends
        owners = (backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
        return [torch.get_num_threads(), backends.cudnn.enabled, *(getattr(o, "fp32_precision", "") for o in owners)]

    torch.backends.mkldnn.conv.fp32_precision = "bf16"
    try:
        before = state()
        with exact_arithmetic(1), exact_arithmetic(1):
            assert state() == [1, False, "ieee", "ieee", "ieee"]
        assert state() == before
        with pytest.raises(ZeroDivisionError), exact_arithmetic(1):
            raise ZeroDivisionError
        assert state() == before
    finally:
        torch.backends.mkldnn.conv.fp32_precision = "none"


def test_large_samples_run_alone() -> None:
    filter_ = sampling.weights("large", (4, 1, 1, 4))
    image = sampling.int8((1, 1024, 1024, 4))
    operands = (image, filter_, None)
    graph = sampling.single(Conv2D((1, 1), (1, 1), NO_PADDING), "large", operands, QuantParams.per_tensor(1.0, 0)).graph
    assert Program(graph, 1).portion == 1


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="torch is not installed") as caught:
        Gpu()
    assert "microgen[gpu]" in (caught.value.hint or "")


def test_cli(testdata: Path, tmp_path: Path) -> None:
    model, report = str(testdata / "models" / MODEL), tmp_path / "report.json"
    main(["compare", model, "--paths", "gpu", "--samples", "2", "--json", str(report)])
    (path,) = json.loads(report.read_text())["paths"]
    assert path["path"] == "gpu" and path["bit_exact"] == path["layers"] > 10
    options = ["--host", "--path", "gpu", "--threads", "1", "--loops", "1", "--warmup", "0", "--json", str(report)]
    main(["bench", model, *options])
    assert {o["path"] for o in json.loads(report.read_text())["operators"]} == {"gpu"}
