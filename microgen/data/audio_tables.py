"""The tables of an audio front end: windows, mel filter banks, gains, cosines.

Those of TensorFlow Lite Micro's micro_speech example (``float32`` ones) follow its arithmetic in single precision.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError
from microgen.ops.signal_pcan import GAIN_TABLE

Shorts = NDArray[np.int16]
Bank = tuple[Shorts, Shorts, Shorts, Shorts, Shorts]
SHAPES = ("hann", "hamming", "rectangular")


def window(shape: str, length: int, bits: int) -> Shorts:
    """A window's weights times 2^``bits``, at most 32767. Samples lie in the middles of ``length`` equal parts."""
    angle = 2.0 * np.pi / length * (np.arange(length) + 0.5)
    raised = {"hann": 0.5, "hamming": 0.46, "rectangular": 0.0}[shape]
    weights = (1.0 - raised) - raised * np.cos(angle)
    rounded: Shorts = np.minimum(np.round(weights * (1 << bits)), 32767).astype(np.int16)
    return rounded


def mel(frequency: float) -> float:
    """The place of a frequency in Hz on the mel scale."""
    return 1127.0 * math.log1p(frequency / 700.0)


def mel_bank(bins: int, rate: int, bands: int, lower: float, upper: float, bits: int, *, skip_first: bool) -> Bank:
    """A filter bank of ``bands`` triangles, evenly spaced on the mel scale from ``lower`` to ``upper`` Hz, of spectra
    with ``bins`` bins up to half of ``rate``: weights and unweights times 2^``bits``, first bins, first weights and
    widths. With ``skip_first`` as micro_speech has it: the first bin is one further, and weights are rounded down.

    Raises InputError for limits that leave the spectrum.
    """
    step = rate / 2.0 / (bins - 1)
    spacing = np.float32((_mel32(upper) - _mel32(lower)) / np.float32(bands + 1))
    edges = _mel32(lower) + spacing * np.arange(1, bands + 2, dtype=np.float32)
    bin_ = round(1 + lower / step) if skip_first else max(1, math.ceil(lower / step))
    half = 0.0 if skip_first else 0.5
    first_bins, widths, weights, unweights = [], [], [], []
    low = _mel32(lower)
    for edge in edges:
        first = bin_
        while bin_ < bins and _mel32(bin_ * step) <= edge:
            weight = float(np.float32(edge - _mel32(bin_ * step)) / np.float32(edge - low))
            weights.append(int(weight * (1 << bits) + half))
            unweights.append(int((1.0 - weight) * (1 << bits) + half))
            bin_ += 1
        first_bins.append(first if bin_ > first else 0)
        widths.append(bin_ - first)
        low = edge
    if bin_ >= bins:
        raise InputError(f"must be below half of the sample rate, not {upper:g} Hz", where="upper")
    first_weights = np.cumsum([0, *widths])[:-1]
    lists = (weights, unweights, first_bins, first_weights, widths)
    made = [np.array(items, np.int16) for items in lists]
    return made[0], made[1], made[2], made[3], made[4]


def _mel32(frequency: float) -> np.float32:
    return np.float32(1127.0) * np.float32(math.log1p(np.float32(frequency) / np.float32(700.0)))


def gains(strength: float, offset: float, input_bits: int, gain_bits: int) -> Shorts:
    """The gain table of SignalPCAN: 2^``gain_bits`` (noise / 2^``input_bits`` + offset)^-strength at 0, 1, and as a
    parabola between each two powers of two.
    """

    def gain(noise: int) -> int:
        real = np.float32(noise) / np.float32(1 << input_bits) + np.float32(offset)
        value = np.float32(1 << gain_bits) * np.float32(float(real) ** -float(np.float32(strength)))
        return min(int(value + np.float32(0.5)), 32767)

    table = [gain(0), gain(1)]
    for bits in range(2, 33):
        low = 1 << (bits - 1)
        high = min(2 * low, (1 << 32) - 1)
        start, middle, end = gain(low), gain(low + low // 2), gain(high)
        slope = 4 * (middle - start) - (end - start)
        table += [start, slope, end - start - slope, 0]
    return np.array(table[:GAIN_TABLE]).astype(np.int16)


def cosines(coefficients: int, bands: int, bits: int) -> Shorts:
    """The orthonormal discrete cosine transform of the second kind, its first rows, times 2^``bits``."""
    rows, columns = np.arange(coefficients)[:, np.newaxis], np.arange(bands)
    matrix = np.cos(np.pi / bands * (columns + 0.5) * rows) * np.sqrt(2.0 / bands)
    matrix[0] /= np.sqrt(2.0)
    rounded: Shorts = np.round(matrix * (1 << bits)).astype(np.int16)
    return rounded
