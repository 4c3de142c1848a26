"""LayerNorm in int8: how near its integers are to real arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import op_of
from microgen.ops.layer_norm import LayerNorm
from microgen.ops.layer_norm_int8 import inverse_root


def node_of(size: int, epsilon: float, scales: tuple[float, float], zero_points: tuple[int, int]) -> Node:
    source = TensorType(DType.INT8, (400, size), QuantParams.per_tensor(scales[0], zero_points[0]))
    result = TensorType(DType.INT8, (400, size), QuantParams.per_tensor(scales[1], zero_points[1]))
    gamma, beta = (sampling.float_weights(size, (size,), 0.7, name) for name in ("gamma", "beta"))
    return Node(LayerNorm(1, epsilon), (Value("x", source), gamma, beta), (Value("y", result),), "norm")


def rows(kind: str, size: int) -> np.ndarray:
    random = np.random.default_rng(size)
    shape = (400, size)
    match kind:
        case "uniform":
            data = random.integers(-128, 128, shape)
        case "narrow":
            data = random.integers(-2, 3, shape) + random.integers(-100, 100, (400, 1))
        case "outliers":
            data = np.where(random.random(shape) < 0.02, 127, random.integers(-10, 10, shape))
        case _:
            data = random.integers(-128, 128, (400, 1)) + (random.random(shape) < 1.0 / size)
    return np.clip(data, -128, 127).astype(np.int8)


@pytest.mark.parametrize("kind", ["uniform", "narrow", "outliers", "single"])
@pytest.mark.parametrize("size", [2, 3, 16, 100, 768])
@pytest.mark.parametrize(("epsilon", "scale"), [(1e-5, 0.05), (1e-12, 0.3), (0.1, 0.02), (1e-5, 1e-4)])
def test_int8_is_real_arithmetic_rounded(kind: str, size: int, epsilon: float, scale: float) -> None:
    node = node_of(size, epsilon, (scale, 0.03), (5, -11))
    op_of(node).check(node)
    data = rows(kind, size)
    (found,) = op_of(node).evaluate(node, [data[np.newaxis], None, None])
    real = (data.astype(np.float64) - 5) * node.input(0).type.quant.scale
    centred = real - real.mean(axis=1, keepdims=True)
    exact = centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + epsilon)
    exact = exact * node.input(1).const + node.input(2).const
    steps = np.clip(exact / node.output.type.quant.scale - 11, -128, 127)
    assert np.abs(found[0] - steps).max() < 0.51
    assert (found[0] == np.floor(steps + 0.5)).mean() > 0.999


def test_inverse_of_the_square_root() -> None:
    random = np.random.default_rng(1)
    numbers = [1, 2, 3, 4, 5, (1 << 62) - 1, 1 << 61, (1 << 60) - 1, 1 << 60, (1 << 60) + 1, 3037000499**2 >> 1]
    shifts = random.integers(0, 61, 3000).tolist()
    numbers += [n >> s or 1 for n, s in zip(random.integers(1, 1 << 62, 3000).tolist(), shifts, strict=True)]
    numbers += [n * n + d for n in range(1 << 30, (1 << 30) + 50) for d in (-1, 0, 1)]
    inverse, half = inverse_root(np.array(numbers, np.int64))
    for number, i, h in zip(numbers, inverse.tolist(), half.tolist(), strict=True):
        scaled = number << (2 * h)
        assert 1 << 60 <= scaled < 1 << 62
        assert i == ((1 << 61) - 1) // math.isqrt(scaled)
        assert 1 << 30 <= i < 1 << 31


@pytest.mark.parametrize(
    ("epsilon", "scales", "message"),
    [(1e-5, (1e-6, 0.03), "epsilon is 1e"), (1e-5, (0.05, 1e-7), "gamma reaches")],
)
def test_what_integers_cannot_hold_is_refused(epsilon: float, scales: tuple[float, float], message: str) -> None:
    node = node_of(16, epsilon, scales, (0, 0))
    (problem,) = op_of(node).problems(node)
    assert message in problem
