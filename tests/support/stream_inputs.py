"""Inputs for the differential tests of operators: random, extreme and, for quantization, at the ties and beyond."""

from __future__ import annotations

import numpy as np

from microgen.mindir import Array, DType, Graph, TensorType
from microgen.ops.base import op_of
from microgen.ops.sampling import rng

COUNT = 4


def inputs_for(graph: Graph) -> list[Array]:
    """For each graph input and state ``COUNT`` sets of values along a new leading axis: two random ones, then the
    smallest and the largest values of the type with the other extreme strewn in. Floats are moderate, -4 to 4,
    unless they are quantized; so are plain integers, whose sums and products are to stay within their types, but those
    of operators that take the ``whole_range``.
    """
    quantizes = any(value.type.quant is not None for value in graph.results)
    whole = all(op_of(node).whole_range for node in graph.nodes)
    return [_values(value.type, (graph.name, index), quantizes, whole) for index, value in enumerate(graph.sources)]


def _values(type: TensorType, key: object, quantizes: bool, whole: bool) -> Array:
    generator = rng("inputs", key)
    shape = (COUNT, *type.shape)
    if type.dtype.is_float:
        made = _extreme_floats(generator, shape) if quantizes else _moderate_floats(generator, shape)
        return made.astype(type.dtype.numpy)
    if type.dtype is DType.BOOL:
        return generator.integers(0, 2, shape).astype(np.bool_)
    low, high = type.dtype.limits
    if type.quant is None and type.dtype.size > 1 and not whole:
        low, high = max(low, -100), min(high, 100)
    data = generator.integers(low, high, shape, dtype=type.dtype.numpy, endpoint=True)
    if whole:
        # Of all lengths in bits, not nearly all of the longest.
        data[1] >>= generator.integers(0, 8 * type.dtype.size, type.shape, dtype=type.dtype.numpy)
    rare = generator.random(shape) < 0.1
    data[2] = np.where(rare[2], high, low)
    data[3] = np.where(rare[3], low, high)
    return data


def _moderate_floats(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    data = np.clip(generator.normal(0.0, 2.0, shape), -4.0, 4.0).astype(np.float32)
    # Halves meet the ties of roundings, and each other where a maximum or an equality is asked for.
    data[1] = np.round(data[1] * 2.0) / 2.0
    data[2] = generator.permutation(np.linspace(-4.0, 4.0, data[2].size)).reshape(shape[1:])
    data[3] = generator.choice(np.array([0.0, -0.0, 1.0, -1.0, 4.0, -4.0, 1e-3], np.float32), shape[1:])
    return data


def _extreme_floats(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    data = generator.normal(0.0, 4.0, shape).astype(np.float32)
    # Multiples of powers of two meet the ties of roundings.
    data[1] = np.round(data[1] * 64.0) / 64.0
    data[2] = np.float32(-3.0e38)
    rare = generator.random(shape[1:]) < 0.3
    specials = generator.choice(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42], np.float32), shape[1:])
    data[3] = np.where(rare, specials, np.float32(3.0e38))
    return data
