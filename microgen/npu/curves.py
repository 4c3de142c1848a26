"""The NPU's own logistic and tanh for 16 bits, which are those of TensorFlow Lite."""

from __future__ import annotations

import functools

import numpy as np

from microgen.arith import Ints

_ENTRIES = 256
# Entries that lie one above the rounded value: the published table errs less between its entries so.
_RAISED = (4, 8, 12, *range(14, 18), *range(19, 23), 25, *range(27, 32), *range(33, 36), 37, *range(39, 42))
_RAISED += (*range(43, 47), 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255)


@functools.cache
def sigmoid_table() -> Ints:
    """The logistic function at 0, 1/24, 2/24, … with 16 bits after the point."""
    values = np.round(65536.0 / (1.0 + np.exp(-np.arange(_ENTRIES) / 24.0))).astype(np.int64)
    values[list(_RAISED)] += 1
    return values


def s_curve(x: Ints, *, tanh: bool) -> Ints:
    """Logistic or tanh of ``x / 12288``, with 15 bits after the point; linear between the entries of the table.

    tanh(v) is 2 · logistic(2v) - 1.
    """
    step = 8 if tanh else 9  # bits of x between two entries
    magnitude = np.abs(x)
    index, rest = magnitude >> step, magnitude & ((1 << step) - 1)
    table = sigmoid_table()
    low, high = table[np.minimum(index, _ENTRIES - 2)], table[np.minimum(index + 1, _ENTRIES - 1)]
    limit = 0xFFFF << 8 if tanh else 0x7FFF << 10
    value = np.where(index >= _ENTRIES - 1, limit, (low << step) + rest * (high - low))
    one = 1 << (16 + step)
    if tanh:
        half = 1 << (step - 1)
        curve = np.where(x >= 0, value - one // 2 + half, one // 2 - value + half - 1) >> step
    else:
        half = 1 << step
        curve = np.where(x >= 0, value + half, one - value + half - 1) >> (step + 1)
    return curve.astype(np.int64)
