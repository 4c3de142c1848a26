"""Inputs for the differential tests of operators: random, extreme and, for quantization, at the ties."""

from __future__ import annotations

import numpy as np

from microgen.mindir import Array, Graph, TensorType
from microgen.ops.sampling import rng

COUNT = 4


def inputs_for(graph: Graph) -> list[Array]:
    """For each graph input ``COUNT`` sets of values along a new leading axis: two random ones, then the smallest
    and the largest values of the type with the other extreme strewn in.
    """
    return [_values(value.type, (graph.name, index)) for index, value in enumerate(graph.inputs)]


def _values(type: TensorType, key: object) -> Array:
    generator = rng("inputs", key)
    shape = (COUNT, *type.shape)
    if type.dtype.is_float:
        return _floats(generator, shape)
    low, high = type.dtype.limits
    data = generator.integers(low, high, shape, dtype=type.dtype.numpy, endpoint=True)
    rare = generator.random(shape) < 0.1
    data[2] = np.where(rare[2], high, low)
    data[3] = np.where(rare[3], low, high)
    return data


def _floats(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    data = generator.normal(0.0, 4.0, shape).astype(np.float32)
    # Multiples of powers of two meet the ties of roundings.
    data[1] = np.round(data[1] * 64.0) / 64.0
    data[2] = np.float32(-3.0e38)
    rare = generator.random(shape[1:]) < 0.3
    specials = generator.choice(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42], np.float32), shape[1:])
    data[3] = np.where(rare, specials, np.float32(3.0e38))
    return data
