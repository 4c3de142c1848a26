"""From what was observed of a tensor to the range that int8 shall cover.

A method is a row in ``CHOOSERS``; those in ``NEED_HISTOGRAM`` need the second pass over the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import DType, QuantParams
from microgen.quantize.config import Method, QuantConfig

#: Bins of a histogram. A quantization step of the full range spans eight of them.
BINS = 2048
_LEVELS = 256
# Steps of the search for a narrower range, per side.
_CANDIDATES = 120
# Ranges below this would need scales that single precision does not hold normally.
_SMALLEST_SPAN = 1e-28

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Observed:
    """What the samples showed of one tensor.

    ``low`` and ``high`` are the extremes, ``average`` is the moving average of a sample's extremes. ``counts`` is the
    histogram of the values between low and high that are not 0, with ``zeros`` the number of those that are (0 is
    always exact in int8); None before the second pass.
    """

    low: float
    high: float
    average: tuple[float, float]
    counts: Floats | None = None
    zeros: int = 0

    @property
    def edges(self) -> Floats:
        """The borders of the histogram's bins."""
        return np.linspace(self.low, self.high, BINS + 1)


@dataclass(frozen=True, slots=True)
class Range:
    """A real interval that contains 0."""

    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float) -> Range:
        """The interval from ``low`` to ``high``, widened to contain 0."""
        return cls(min(float(low), 0.0), max(float(high), 0.0))

    def union(self, other: Range) -> Range:
        """The smallest interval that contains both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    def params(self, dtype: DType = DType.INT8) -> QuantParams:
        """The quantization of this range: in int8 256 steps, 0 exact (TensorFlow Lite's rule), in int16 symmetric.

        An empty range gets scale 1 and zero point 0.
        """
        if dtype is DType.INT16:
            return self.symmetric(dtype)
        span = self.high - self.low
        if span < _SMALLEST_SPAN:
            return QuantParams.per_tensor(1.0, 0)
        scale = span / (_LEVELS - 1)
        # Both ends give a zero point; the one whose rounding errors are smaller counts.
        from_low, from_high = -128.0 - self.low / scale, 127.0 - self.high / scale
        low_error, high_error = 128.0 + abs(self.low / scale), 127.0 + abs(self.high / scale)
        exact = from_low if low_error < high_error else from_high
        return QuantParams.per_tensor(scale, int(min(max(np.floor(exact + 0.5), -128), 127)))

    def symmetric(self, dtype: DType = DType.INT8) -> QuantParams:
        """The quantization with zero point 0 that covers this range."""
        peak = max(-self.low, self.high)
        return QuantParams.per_tensor(peak / dtype.limits[1] if peak >= _SMALLEST_SPAN else 1.0, 0)


def covered(quant: QuantParams, dtype: DType = DType.INT8) -> Range:
    """The real values that integers with these parameters can hold."""
    low, high = dtype.limits
    return Range(quant.scale * (low - quant.zero_point), quant.scale * (high - quant.zero_point))


def _min_max(seen: Observed, config: QuantConfig) -> Range:
    return Range.of(seen.low, seen.high)


def _moving_average(seen: Observed, config: QuantConfig) -> Range:
    return Range.of(*seen.average)


def _percentile(seen: Observed, config: QuantConfig) -> Range:
    """MindSpore's REMOVAL_OUTLIER: what lies outside of the central share of the values is cut off."""
    assert seen.counts is not None
    if seen.high <= seen.low:
        return Range.of(seen.low, seen.high)
    centers = (seen.edges[:-1] + seen.edges[1:]) / 2
    values, weights = np.append(centers, 0.0), np.append(seen.counts, seen.zeros)
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / max(weights.sum(), 1.0)
    outside = (1.0 - config.percentile / 100.0) / 2
    half = (seen.high - seen.low) / BINS / 2
    # Tolerance for the sum's rounding: 100 per cent must keep everything.
    first = int(np.searchsorted(share, outside + 1e-12, side="left"))
    last = int(np.searchsorted(share, 1.0 - outside - 1e-12, side="left"))
    low, high = values[order][first] - half, values[order][min(last, len(values) - 1)] + half
    return Range.of(max(low, seen.low), min(high, seen.high))


Cost = Callable[[Observed, Range], float]


def _search(seen: Observed, cost: Cost) -> Range:
    """The range of least cost: first both sides shrink together, then each alone around what was found."""
    full = Range.of(seen.low, seen.high)
    if full.high - full.low < _SMALLEST_SPAN:
        return full
    best, least = full, cost(seen, full)
    for low_moves, high_moves in ((True, True), (True, False), (False, True)):
        start = best
        for step in range(1, _CANDIDATES):
            factor = 1.0 - step / _CANDIDATES
            candidate = Range(
                start.low * factor if low_moves else start.low, start.high * factor if high_moves else start.high
            )
            value = cost(seen, candidate)
            if value < least:
                best, least = candidate, value
    return best


def _squared_error(seen: Observed, candidate: Range) -> float:
    """Rounding's variance where values are inside (a step squared over 12), the distance squared where they are not."""
    assert seen.counts is not None
    centers = (seen.edges[:-1] + seen.edges[1:]) / 2
    step = (candidate.high - candidate.low) / (_LEVELS - 1)
    excess = centers - np.clip(centers, candidate.low, candidate.high)
    return float(seen.counts @ (excess * excess + np.where(excess == 0.0, step * step / 12.0, 0.0)))


def _divergence(seen: Observed, candidate: Range) -> float:
    """Kullback-Leibler divergence of the quantized from the clipped distribution, after Migacz, "8-bit Inference with
    TensorRT" (2017), for 256 steps that need not be symmetric.
    """
    assert seen.counts is not None
    edges = seen.edges
    width = edges[1] - edges[0]
    first = max(int(np.floor((candidate.low - edges[0]) / width + 1e-9)), 0)
    last = min(int(np.ceil((candidate.high - edges[0]) / width - 1e-9)), BINS)
    if last - first < _LEVELS:
        return float("inf")
    inside = seen.counts[first:last]
    reference = inside.copy()
    reference[0] += seen.counts[:first].sum()
    reference[-1] += seen.counts[last:].sum()
    # Each step's values are spread evenly over those of its bins that held any.
    level = np.arange(len(inside)) * _LEVELS // len(inside)
    occupied = (inside > 0).astype(np.float64)
    sums = np.bincount(level, inside, _LEVELS)
    shares = np.bincount(level, occupied, _LEVELS)
    spread = (sums / np.maximum(shares, 1.0))[level] * occupied
    total, spread_total = reference.sum(), spread.sum()
    if total == 0.0 or spread_total == 0.0:
        return float("inf")
    p, q = reference / total, spread / spread_total
    # A bin that only holds what was cut off has nothing to be compared with: a small share stands in.
    q = np.where((p > 0) & (q == 0), 1e-9, q)
    held = p > 0
    return float(np.sum(p[held] * np.log(p[held] / q[held])))


def _kl(seen: Observed, config: QuantConfig) -> Range:
    assert seen.counts is not None
    # With less than a value per bin the histogram is no distribution (a classifier's few outputs, for instance).
    if seen.counts.sum() < BINS:
        return Range.of(seen.low, seen.high)
    return _search(seen, _divergence)


def _mse(seen: Observed, config: QuantConfig) -> Range:
    return _search(seen, _squared_error)


CHOOSERS: Mapping[Method, Callable[[Observed, QuantConfig], Range]] = {
    Method.MIN_MAX: _min_max,
    Method.MOVING_AVERAGE: _moving_average,
    Method.PERCENTILE: _percentile,
    Method.KL: _kl,
    Method.MSE: _mse,
}
NEED_HISTOGRAM = frozenset((Method.PERCENTILE, Method.KL, Method.MSE))


def choose(seen: Observed, config: QuantConfig) -> Range:
    """The range that ``config``'s method gives to a tensor."""
    return CHOOSERS[config.method](seen, config)
