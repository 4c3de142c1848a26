"""The arithmetic of int16 softmax: two tables with interpolation between their values.

Source: TensorFlow Lite's 16-bit softmax, whose tables hold 512 steps and their end.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from microgen import arith
from microgen.mindir import Array

#: What a step of the exponentials' argument, an int16 number, stands for: they reach from -10 to 0.
EXPONENT_STEP = 10.0 / 65535.0
_STEPS = 512


def _table(function: Callable[[float], float], low: float, high: float) -> Array:
    """``function`` from ``low`` to ``high`` in Q0.15, each value moved by half the error between it and the next. All
    in single precision, on which the last bit of some values depends.
    """
    start, step = np.float32(low), np.float32((high - low) / _STEPS)
    half = step / np.float32(2.0)

    def value(x: np.float32) -> np.float32:
        return np.float32(function(float(x))) * np.float32(32768.0)

    def rounded(x: np.float32) -> np.float32:
        return np.float32(arith.round_half_away(float(x)))

    table = []
    for i in range(_STEPS):
        at = start + np.float32(i) * step
        here, behind = rounded(value(at)), value(start + np.float32(i + 1) * step)
        error = rounded((behind + here) / np.float32(2.0)) - rounded(value(at + half))
        table.append(here - rounded(error / np.float32(2.0)))
    table.append(rounded(value(np.float32(high))))
    made = np.clip(table, -32768, 32767).astype(np.int16)
    made.setflags(write=False)
    return made


@functools.cache
def exponentials_table() -> Array:
    """exp(x) for x from -10 to 0 in Q0.15."""
    return _table(math.exp, -10.0, 0.0)


@functools.cache
def inverse_table() -> Array:
    """1 / (1 + x) for x from 0 to 1 in Q0.15."""
    return _table(lambda x: float(np.float32(1.0) / np.float32(1.0 + x)), 0.0, 1.0)


def _between(table: Array, x: arith.Ints) -> arith.Ints:
    """The value of a table at an int16 number."""
    wide = table.astype(np.int64)
    place, rest = 256 + (x >> 7), x & 0x7F
    here = wide[place]
    result: arith.Ints = here + ((rest * (wide[place + 1] - here) + 64) >> 7)
    return result


def softmax_s16(x: arith.Ints, multiplier: int, shift: int) -> arith.Ints:
    """The shares in Q0.15 of rows of int16 numbers along the last axis; ``multiplier`` and ``shift`` bring differences
    to steps of ``EXPONENT_STEP``.
    """
    scaled = arith.multiply_by_quantized_multiplier(x - x.max(axis=-1, keepdims=True), multiplier, shift)
    exponentials = _between(exponentials_table(), np.clip(scaled + 32767, -32768, 32767))
    sums = exponentials.sum(axis=-1, keepdims=True)
    zeros = 32 - np.frexp(sums.astype(np.float64))[1].astype(np.int64)
    # Q1.16 in 1 to 2, then from its middle on as an int16 number.
    normal = ((sums << (zeros - 1)) + (1 << 13)) >> 14
    reciprocals = _between(inverse_table(), np.clip(normal - (1 << 15) - (1 << 16), -32768, 32767))
    right = 31 - zeros
    shares: arith.Ints = np.clip((exponentials * reciprocals + (1 << (right - 1))) >> right, 0, 32767)
    return shares
