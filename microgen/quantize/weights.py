"""Weights and biases as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgen import arith
from microgen.mindir import Array, DType, QuantParams, TensorType, Value
from microgen.ops.quantization import Weights
from microgen.quantize.config import Granularity

_PEAK = 127
_PEAK_INT4 = 7
# With fifteen steps what is clipped costs less than coarser steps: shares of the peak that are tried.
_SHARES = np.linspace(1.0, 0.4, 31)
# Leaves the accumulator room beside the bias: products of a layer stay far below the other 2^30.
_LARGEST_BIAS = 1 << 30

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class QuantizedWeights:
    """Integer weights; ``widened`` is the number of channels whose scale was enlarged for the bias's sake."""

    value: Value
    widened: int


def quantize_weights(
    name: str,
    data: Array,
    weights: Weights,
    granularity: Granularity,
    bias: Array | None = None,
    input_scale: float = 1.0,
    bits: int = 8,
) -> QuantizedWeights:
    """``data`` as symmetric int8 in [-127, 127], of four ``bits`` in [-7, 7] with scales of least squared error.

    ``bias`` and the scale of the layer's input bound the weights' scales from below: an int32 bias has their product
    as its scale, and a channel of vanishing weights would make it overflow.
    """
    real, top = data.astype(np.float64), _PEAK if bits == 8 else _PEAK_INT4
    axis = weights.channel_axis if granularity is Granularity.PER_CHANNEL else None
    other = tuple(i for i in range(real.ndim) if i != axis)
    peaks = np.abs(real).max(axis=other if axis is not None else None).reshape(-1)
    if bits != 8:
        peaks = _clipped_peaks(real, peaks, axis)
    largest = float(peaks.max()) or float(top)
    # A channel of zeros has any scale: one like its neighbours' suits its bias.
    scales = np.where(peaks > 0.0, peaks, largest) / top
    widened = 0
    if bias is not None:
        magnitude = np.abs(bias.astype(np.float64)).reshape(-1)
        needed = (magnitude if len(scales) > 1 else magnitude.max(keepdims=True)) / (input_scale * _LARGEST_BIAS)
        widened = int((needed > scales).sum())
        scales = np.maximum(scales, needed)
    # Scales are stored in single precision; what is divided by is what will be multiplied with.
    stored = np.maximum(scales.astype(np.float32), np.float32(1e-30)).astype(np.float64)
    shape = [1] * real.ndim
    if axis is not None:
        shape[axis] = -1
    integers = np.clip(_rounded(real / stored.reshape(shape)), -top, top).astype(np.int8)
    several = len(stored) > 1
    quant = QuantParams(tuple(float(s) for s in stored), (0,) * len(stored), axis if several else None)
    return QuantizedWeights(Value(name, TensorType(DType.INT8, integers.shape, quant), integers), widened)


def _clipped_peaks(real: Floats, peaks: Floats, axis: int | None) -> Floats:
    """The peaks of four-bit weights of least squared error."""
    rows = real.reshape(1, -1) if axis is None else np.moveaxis(real, axis, 0).reshape(len(peaks), -1)
    best, least = peaks.copy(), np.full(len(peaks), np.inf)
    for share in _SHARES:
        steps = np.maximum(peaks * share / _PEAK_INT4, 1e-30)[:, np.newaxis]
        errors = np.square(np.clip(_rounded(rows / steps), -_PEAK_INT4, _PEAK_INT4) * steps - rows).sum(axis=1)
        best, least = np.where(errors < least, peaks * share, best), np.minimum(errors, least)
    return best


def quantize_bias(
    name: str, data: Array, input_scale: float, weights: QuantParams, activations: DType = DType.INT8
) -> tuple[Value, int]:
    """``data`` as int32, or int64 beside int16 ``activations``, with the scales ``input · weights``, and the number of
    channels that had to be clipped.
    """
    products = [float(np.float32(input_scale * s)) for s in weights.scales]
    scales = tuple(max(s, float(np.finfo(np.float32).tiny)) for s in products)
    real = data.astype(np.float64)
    exact = np.array([input_scale * s for s in weights.scales])
    rounded = _rounded(real.reshape(-1) / exact)
    kind = DType.INT64 if activations is DType.INT16 else DType.INT32
    # Sums of int16 products have 48 bits.
    limit = float(1 << 45 if kind is DType.INT64 else arith.INT32_MAX)
    clipped = np.clip(rounded, -limit - 1.0 if kind is DType.INT32 else -limit, limit)
    quant = QuantParams(scales, (0,) * len(scales), data.ndim - 1 if len(scales) > 1 else None)
    value = Value(name, TensorType(kind, data.shape, quant), clipped.astype(kind.numpy).reshape(data.shape))
    return value, int((clipped != rounded).sum())


def quantize_constant(name: str, data: Array, quant: QuantParams, dtype: DType = DType.INT8) -> Value:
    """A float constant as integers with one given scale and zero point."""
    integers = np.clip(_rounded(data.astype(np.float64) / quant.scale) + quant.zero_point, *dtype.limits)
    return Value(name, TensorType(dtype, data.shape, quant), integers.astype(dtype.numpy))


def _rounded(x: Floats) -> Floats:
    """To the nearest integer, halves away from zero, as TensorFlow Lite rounds."""
    result: Floats = np.copysign(np.floor(np.abs(x) + 0.5), x)
    return result
