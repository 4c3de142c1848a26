"""Ranges and scales: TensorFlow Lite's rule, and the methods that choose a range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgen.mindir import DType, Graph, TensorType, Value
from microgen.ops.quantization import Weights
from microgen.quantize import Granularity, Method, QuantConfig, load_samples
from microgen.quantize.convert import dequantized
from microgen.quantize.observe import observe
from microgen.quantize.ranges import Observed, Range, choose, covered
from microgen.quantize.weights import quantize_bias, quantize_weights

finite = st.floats(-1e6, 1e6, allow_nan=False)


def observed(samples: Any, momentum: float = 0.9) -> Observed:
    """What the observer sees of an input of these samples [samples, elements]."""
    value = Value("x", TensorType(DType.FLOAT32, samples.shape[1:]))
    graph = Graph("g", [value], [value], [])
    checked = load_samples(np.asarray(samples, np.float32), graph)
    return observe(graph, checked, [value], momentum, histograms=True)[value]


def chosen(samples: Any, method: Method, **options: Any) -> Range:
    return choose(observed(samples), QuantConfig(method=method, **options))


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (0.0, 6.0, 6 / 255, -128),
        (-1.0, 1.0, 2 / 255, 0),
        (-6.0, 0.0, 6 / 255, 127),
        (2.0, 4.0, 4 / 255, -128),
        (-3.0, -1.0, 3 / 255, 127),
        (-0.5, 1.0, 1.5 / 255, -43),
        (0.0, 0.0, 1.0, 0),
        (0.0, 1e-35, 1.0, 0),
    ],
)
def test_scales_of_known_ranges(low: float, high: float, scale: float, zero_point: int) -> None:
    params = Range.of(low, high).params()
    assert params.scale == np.float32(scale) and params.zero_point == zero_point


@given(finite, finite)
def test_zero_is_exact_and_the_ends_are_within_half_a_step(a: float, b: float) -> None:
    wanted = Range.of(min(a, b), max(a, b))
    params = wanted.params()
    assert -128 <= params.zero_point <= 127
    if wanted.high - wanted.low > 1e-20:
        held, slack = covered(params), params.scale * 0.501
        assert abs(held.low - wanted.low) <= slack and abs(held.high - wanted.high) <= slack


def test_symmetric_ranges_have_zero_point_0() -> None:
    params = Range.of(-3.0, 1.0).symmetric()
    assert params.zero_point == 0 and params.scale == np.float32(3 / 127)


def test_min_max_and_the_moving_average() -> None:
    samples = np.array([[0.0, 1.0], [0.0, 3.0], [-2.0, 2.0]])
    assert chosen(samples, Method.MIN_MAX) == Range(-2.0, 3.0)
    average = observed(samples, momentum=0.5).average
    # The first sample starts the average: high 1, then (1+3)/2 = 2, then (2+2)/2 = 2; low 0, 0, -1.
    assert average == (-1.0, 2.0)


@pytest.mark.parametrize("method", [Method.PERCENTILE, Method.KL])
def test_a_lone_outlier_is_cut_off(method: Method) -> None:
    samples = np.random.default_rng(3).normal(size=(50, 4000))
    samples[20, 7] = 500.0
    found = chosen(samples, method)
    assert 2.0 < found.high < 70.0 and -6.0 < found.low < -0.5


@pytest.mark.parametrize("method", [Method.PERCENTILE, Method.MSE, Method.KL])
def test_an_even_distribution_keeps_its_range(method: Method) -> None:
    samples = np.linspace(0.0, 10.0, 100_000).reshape(10, -1)
    found = chosen(samples, method, percentile=99.999)
    assert found.low == 0.0 and found.high > 9.8


def test_mean_square_error_is_less_than_that_of_the_full_range() -> None:
    samples = np.random.default_rng(4).laplace(size=(40, 5000))

    def error(r: Range) -> float:
        params = r.params()
        back = (
            np.clip(np.round(samples / params.scale) + params.zero_point, -128, 127) - params.zero_point
        ) * params.scale
        return float(np.mean((samples - back) ** 2))

    assert error(chosen(samples, Method.MSE)) < 0.8 * error(chosen(samples, Method.MIN_MAX))


def test_the_percentile_is_of_both_sides() -> None:
    samples = np.linspace(-1.0, 1.0, 100_001)[None].repeat(2, axis=0)
    found = chosen(samples, Method.PERCENTILE, percentile=90.0)
    np.testing.assert_allclose((found.low, found.high), (-0.9, 0.9), atol=0.002)
    assert chosen(samples, Method.PERCENTILE, percentile=100.0) == Range(-1.0, 1.0)


@pytest.mark.parametrize("method", list(Method))
def test_a_constant_tensor_has_a_range(method: Method) -> None:
    assert chosen(np.full((12, 3), 2.0), method) == Range(0.0, 2.0)
    assert chosen(np.zeros((12, 3)), method) == Range(0.0, 0.0)


def test_observations_do_not_depend_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(5).normal(size=(37, 11))
    before = observed(samples)
    monkeypatch.setattr("microgen.quantize.observe._LARGEST_BATCH", 3)
    after = observed(samples)
    assert (before.low, before.high, before.average, before.zeros) == (
        after.low,
        after.high,
        after.average,
        after.zeros,
    )
    np.testing.assert_array_equal(before.counts, after.counts)


# Weights ----------------------------------------------------------------------------------------------


def test_weights_per_channel_and_per_tensor() -> None:
    data = np.array([[1.0, -2.0], [0.25, 0.5], [0.0, 0.0]], np.float32)
    each = quantize_weights("w", data, Weights(1, 0), Granularity.PER_CHANNEL).value
    assert each.type.quant is not None and each.type.quant.axis == 0
    np.testing.assert_allclose(each.type.quant.scales, np.array([2, 0.5, 2]) / 127, rtol=1e-6)
    np.testing.assert_array_equal(each.const, [[64, -127], [64, 127], [0, 0]])
    one = quantize_weights("w", data, Weights(1, 0), Granularity.PER_TENSOR).value
    assert one.type.quant is not None and one.type.quant.is_per_tensor
    np.testing.assert_allclose(dequantized(one), data, atol=one.type.quant.scale / 2)


def test_a_bias_that_would_overflow_widens_its_channel_alone() -> None:
    data = np.array([[1e-9, 1e-9], [1.0, 0.5]], np.float32)
    bias = np.array([5.0, 5.0], np.float32)
    made = quantize_weights("w", data, Weights(1, 0), Granularity.PER_CHANNEL, bias, 0.01)
    assert made.widened == 1 and made.value.type.quant is not None
    value, clipped = quantize_bias("b", bias, 0.01, made.value.type.quant)
    assert clipped == 0 and value.type.quant is not None and value.type.quant.axis == 0
    np.testing.assert_allclose(dequantized(value), bias, rtol=1e-5)
    assert int(np.abs(value.const.astype(np.int64)).max()) <= 2**30


def test_a_bias_beyond_32_bits_is_clipped_and_counted() -> None:
    made = quantize_weights("w", np.array([[1e-9]], np.float32), Weights(1, 0), Granularity.PER_CHANNEL).value
    assert made.type.quant is not None
    value, clipped = quantize_bias("b", np.array([-5.0], np.float32), 1e-3, made.type.quant)
    assert clipped == 1 and int(value.const[0]) == -(2**31)
