"""Floating-point arithmetic that operators share on the host, and what its C counterpart is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import Array, DType
from microgen.ops.attributes import Activation
from microgen.ops.call import FieldValue, Float

FloatArray: TypeAlias = NDArray[Any]


def computed_in(dtype: DType) -> np.dtype[Any]:
    """The type in which tensors of a floating-point type are computed: halves in single precision."""
    return np.dtype(np.float32) if dtype is DType.FLOAT16 else np.dtype(dtype.numpy)


def clamped(array: FloatArray, activation: Activation, dtype: DType) -> Array:
    """``array`` in the activation's interval, as an array of ``dtype``; NaN stays."""
    if activation is not Activation.NONE:
        low, high = activation.interval
        array = np.clip(array, array.dtype.type(low), array.dtype.type(high))
    with np.errstate(over="ignore"):  # to infinity
        return np.asarray(array, dtype.numpy)


def clamp_fields(activation: Activation) -> tuple[tuple[str, FieldValue], ...]:
    """The fields ``low`` and ``high`` of a float kernel's parameters."""
    low, high = activation.interval
    return (("low", Float(low)), ("high", Float(high)))


def samples_of(first: Array, *others: Array | None) -> Iterator[tuple[Array | None, ...]]:
    """Operands, all with a leading sample axis, in portions for which every one but the first has a single sample.

    That is one portion where the others are constants.
    """
    count = max((len(a) for a in others if a is not None), default=1)
    if count == 1:
        yield (first, *others)
        return
    for i in range(count):
        yield tuple(a if a is None or len(a) == 1 else a[i : i + 1] for a in (first, *others))
