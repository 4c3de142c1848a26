"""Integers in floating point, exactly: in which type sums of products hold, and the way back to int8.

The rounding is that of ``microgen.arith`` alone. Per accumulator that is a staircase: a function that only rises, of at
most 255 steps per channel. Usually a straight line cut off to integers has the very same steps, in a few float64
operations instead of two dozen of int64. Whether it has is decided at compile time, from what ``arith`` says on either
side of every step; where one differs, or is too close for float64, ``arith`` itself runs on the tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from microgen import arith
from microgen.delegates.gpu.rows import upload
from microgen.mindir import QuantParams

Reals: TypeAlias = NDArray[np.float64]

#: float32 holds every integer below; a sum of products whose terms' magnitudes sum to less never leaves them, in
#: whatever order it is taken.
FLOAT32_EXACT = 1 << 24
_FLOAT64_EXACT = 1 << 53


def largest_magnitude(quant: QuantParams) -> int:
    """The largest distance of an int8 number from its zero point."""
    return max(127 - quant.zero_point, quant.zero_point + 128)


def sums_bound(weights: NDArray[np.int64], magnitude: int) -> arith.Ints:
    """Per channel (axis 0) what no sum of weights times numbers up to ``magnitude`` exceeds."""
    bound: arith.Ints = np.abs(weights.reshape(len(weights), -1)).sum(axis=1) * magnitude
    return bound


def products_dtype(bound: int) -> torch.dtype:
    """The type in which sums of products are exact whose magnitudes sum to at most ``bound``."""
    assert bound < _FLOAT64_EXACT
    return torch.float32 if bound < FLOAT32_EXACT else torch.float64


class Requantizer:
    """From accumulators, without bias, to int8, channels last.

    ``bound`` is the largest magnitude of accumulators per channel (broadcast against ``multipliers``, ``shifts`` and
    ``bias``, all of one dimension), ``low`` and ``high`` what the results are clamped to.
    """

    def __init__(
        self,
        multipliers: arith.Ints,
        shifts: arith.Ints,
        bias: arith.Ints | int,
        bound: arith.Ints | int,
        zero_point: int,
        limits: tuple[int, int],
        device: torch.device,
    ) -> None:
        self._numbers = np.broadcast_arrays(multipliers, shifts, np.asarray(bias), np.asarray(bound))
        self._zero_point = zero_point
        self._low, self._high = limits
        self._device = device
        self._apply = self._line() or self._signed_line() or self._integers()

    @property
    def is_line(self) -> bool:
        """Whether a straight line does it."""
        return self._apply.__name__ != "integers"

    def __call__(self, sums: Tensor) -> Tensor:
        """int8 for whole numbers in float32 or float64, [..., channels]."""
        return self._apply(sums)

    def exact(self, accumulators: arith.Ints) -> arith.Ints:
        """The results of accumulators [..., channels] by ``arith``, bias included here."""
        multipliers, shifts, bias, _ = self._numbers
        scaled = arith.multiply_by_quantized_multiplier(arith.wrap32(accumulators + bias), multipliers, shifts)
        return np.clip(arith.wrap32(scaled + self._zero_point), self._low, self._high)

    def _rises(self) -> bool:
        """Whether nothing wraps on the way, without which there is no staircase."""
        multipliers, shifts, bias, bound = self._numbers
        most = bound.astype(np.float64) + np.abs(bias)
        left = most * 2.0 ** np.maximum(shifts, 0)
        final = most * multipliers * 2.0 ** (shifts - 31.0)
        return bool(left.max() < 2.0**31 and final.max() < 2.0**31 - 1024)

    def _slope(self) -> tuple[Reals, Reals]:
        """(slope, what is added before numbers are cut off) per channel, in steps of the result.

        The doubling high multiply rounds to 2^-right of a step, the division to a step: half of each is added. The
        last summand lies between two products: it keeps ties away from the edge.
        """
        multipliers, shifts, _, _ = self._numbers
        right = np.maximum(-shifts, 0)
        finer = np.where(right > 0, 2.0 ** -(right + 1.0), 0.0)
        return multipliers * 2.0 ** (shifts - 31.0), 0.5 + finer + 2.0 ** -(right + 32.0)

    def _same_steps(self, slope: Reals, offset: Reals, edges: Callable[[Reals], Reals]) -> bool:
        """Whether the results reach each of their values where ``slope · sum + offset`` reaches the value's edge."""
        multipliers, _, _, bound = self._numbers
        flat = multipliers == 0
        # Any slope will do where there are no steps.
        slope = np.where(flat, 1.0, slope)
        values = np.arange(self._low + 1, self._high + 1, dtype=np.float64)[:, np.newaxis]
        wanted = np.broadcast_to(edges(values), (len(values), len(slope)))
        first = np.ceil((wanted - offset) / slope)
        # float64 takes the line in any order of operations; what it may lose is far below this.
        margin = (np.abs(offset) + 512.0) * 2.0**-50
        clear = (slope * first + offset - wanted >= margin) & (wanted - (slope * (first - 1) + offset) >= margin)
        reached, before = first <= bound, first - 1 >= -bound
        # An edge that no sum comes near says nothing.
        inside = (first <= bound + 1) & (first >= -bound)
        at = np.clip(first, -bound, bound).astype(np.int64)
        below = np.clip(first - 1, -bound, bound).astype(np.int64)
        above_edge = np.where(reached, self.exact(at) >= values, True)
        below_edge = np.where(before, self.exact(below) < values, True)
        return bool((flat | ((clear | ~inside) & above_edge & below_edge)).all())

    def _line(self) -> Callable[[Tensor], Tensor] | None:
        """Results that are cut off downwards: right for those above the zero point, which a ReLU leaves."""
        if not self._rises():
            return None
        slope, half = self._slope()
        offset = self._numbers[2] * slope + half + self._zero_point
        if not self._same_steps(slope, offset, lambda values: values):
            return None
        factor, summand = upload(slope, self._device), upload(offset + 128.0, self._device)
        low, high = self._low + 128.0, self._high + 128.0

        def line(sums: Tensor) -> Tensor:
            # Shifted into the numbers without sign, where a conversion cuts off downwards.
            steps = (sums.double() * factor).add_(summand).clamp_(low, high)
            return steps.to(torch.uint8).bitwise_xor_(128).view(torch.int8)

        return line

    def _signed_line(self) -> Callable[[Tensor], Tensor] | None:
        """Results that are cut off towards the zero point, on either side of it."""
        if not self._rises():
            return None
        slope, half = self._slope()
        offset = self._numbers[2] * slope
        zero = self._zero_point

        def edges(values: Reals) -> Reals:
            return np.where(values > zero, values - zero - half, values - zero - 1 + half)

        if not self._same_steps(slope, offset, edges):
            return None
        factor, summand, nudge = (upload(a, self._device) for a in (slope, offset, half))
        low, high = self._low - zero, self._high - zero

        def signed_line(sums: Tensor) -> Tensor:
            steps = (sums.double() * factor).add_(summand)
            steps = steps.add_(torch.copysign(nudge, steps)).trunc_().clamp_(low, high)
            return steps.add_(zero).to(torch.int8)

        return signed_line

    def _integers(self) -> Callable[[Tensor], Tensor]:
        numbers: list[Any] = [upload(a.astype(np.int64), self._device) for a in self._numbers[:3]]
        multipliers, shifts, bias = numbers

        def integers(sums: Tensor) -> Tensor:
            accumulators = arith.wrap32(sums.long() + bias)
            scaled = arith.multiply_by_quantized_multiplier(accumulators, multipliers, shifts)
            shifted = arith.wrap32(scaled + self._zero_point)
            return torch.as_tensor(shifted).clamp(self._low, self._high).to(torch.int8)

        return integers
