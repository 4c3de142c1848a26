"""From accumulators to results: the scale's multiplication and its three roundings, limits, tables."""

from __future__ import annotations

import numpy as np

from microgen.arith import Ints, rounding_divide_by_pot
from microgen.mindir import Array
from microgen.npu.curves import s_curve
from microgen.npu.memory import Memory
from microgen.npu.registers import Activation, Rounding
from microgen.npu.state import Output
from microgen.npu.stream import StreamError

# TensorFlow Lite multiplies to the 31st bit and then shifts by what is left, rounding both times.
_HIGH_SHIFT = 31
_SPLIT = 20
_TABLE_SLOT = 256
_TABLES_BYTES = 2048


def rescale(x: Ints, scale: Array | int, shift: Array | int, rounding: Rounding) -> Ints:
    """``x · scale / 2^shift``, rounded; ``scale`` (unsigned, 32 bits) and ``shift`` (0..63) broadcast against ``x``.

    TFL rounds twice, as TensorFlow Lite does: halves upwards at bit 31 and then halves away from zero; shifts of up
    to 31 round once. NATURAL rounds halves upwards, TRUNCATE cuts towards zero.
    """
    scales = np.asarray(scale, dtype=np.int64)
    shifts = np.asarray(shift, dtype=np.int64)
    if rounding is Rounding.TRUNCATE:
        negative = x < 0
        magnitude = _product(np.abs(x), scales, shifts, half=False)
        return np.where(negative, -magnitude, magnitude)
    if rounding is Rounding.NATURAL:
        return _product(x, scales, shifts, half=True)
    high = _product(x, scales, np.minimum(shifts, _HIGH_SHIFT), half=True)
    return rounding_divide_by_pot(high, np.maximum(shifts - _HIGH_SHIFT, 0))


def _product(x: Ints, scale: Ints, shift: Ints, *, half: bool) -> Ints:
    """``floor(x · scale / 2^shift)``, plus a half before the floor where wanted; exact for 40 by 32 bits."""
    nudge = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0) if half else np.int64(0)
    bound = int(np.abs(x).max(initial=0)) * int(scale.max(initial=0)) + int(nudge.max())
    if bound < 1 << 62:
        result: Ints = (x * scale + nudge) >> shift
        return result
    if int(shift.min()) < _SPLIT:
        raise StreamError("a scaled accumulator exceeds 64 bits")
    upper, lower = x >> _SPLIT, x & ((1 << _SPLIT) - 1)
    carried: Ints = (upper * scale + ((lower * scale + nudge) >> _SPLIT)) >> (shift - _SPLIT)
    return carried


def store(memory: Memory, output: Output, values: Ints) -> None:
    """Adds the zero point to scaled results, limits them, looks them up in the table and writes them."""
    if output.function is not Activation.NONE:
        values = s_curve(values, tanh=output.function is Activation.TANH)
    if output.limited:
        values = values + output.zero_point
        info = np.iinfo(output.clamp_dtype)
        values = np.clip(values, max(output.low, info.min), min(output.high, info.max))
    if output.table is not None:
        values = _look_up(memory, output, values)
    memory.write(output.fm, values.astype(output.fm.dtype))


def _look_up(memory: Memory, output: Output, values: Ints) -> Ints:
    """Tables of 256 bytes, of 256 words for results of 32 bits, or of 512 (base, slope) pairs for those of 16."""
    start = memory.shram.shape[1] - _TABLES_BYTES + _TABLE_SLOT * (output.table or 0)
    size, kind = output.fm.dtype.itemsize, output.clamp_dtype
    if kind.itemsize == 2:
        table = memory.internal(start, 2048).view("<i2").reshape(len(memory.shram), -1, 2)
        index = (values - np.iinfo(kind).min) >> 7
        pairs = _gather(table, index).astype(np.int64)
        return pairs[..., 0] + ((pairs[..., 1] * (values & 127) + 64) >> 7)
    table = memory.internal(start, 256 * size).view(output.fm.dtype)
    return _gather(table, values - np.iinfo(kind).min).astype(np.int64)


def _gather(table: Array, index: Ints) -> Array:
    samples = np.arange(len(index)).reshape(-1, *(1,) * (index.ndim - 1)) if len(table) > 1 else 0
    found: Array = table[samples, index]
    return found
