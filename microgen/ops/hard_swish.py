"""HARD_SWISH: x · ReLU6(x + 3) / 6."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import QuantParams
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, float_samples, sample

_INT16 = (-(1 << 15), (1 << 15) - 1)
# Bits by which the input is refined.
_INPUT_SHIFT = 7


@dataclass(frozen=True)
class HardSwish(Unary):
    """``x · min(max(x + 3, 0), 6) / 6`` (Howard et al., 2019); in int8 with TensorFlow Lite's 16-bit arithmetic."""

    name: ClassVar[str] = "HardSwish"
    stem: ClassVar[str] = "hard_swish"
    tflite: ClassVar[tuple[str, ...]] = ("HARD_SWISH",)
    tflite_int8: ClassVar[bool] = True
    onnx: ClassVar[tuple[str, ...]] = ("HardSwish",)
    mindspore: ClassVar[tuple[str, ...]] = ("HSwish",)

    def compute(self, x: Numbers) -> Numbers:
        # The factor first: the product with an infinite x is 0 times infinity only in the formula.
        share = np.clip(x + 3, 0, 6) / 6
        result: Numbers = np.where(x <= -3, x.dtype.type(0), x * share)
        return result

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        fine = np.float32(1 / (1 << _INPUT_SHIFT)) * np.float32(source.scale)
        with np.errstate(over="ignore"):
            output_factor = float(fine / np.float32(result.scale))
            gate_factor = float(fine / (np.float32(3) / np.float32(32768)))
        output_multiplier, output_shift = arith.quantize_multiplier(output_factor)
        gate_multiplier, gate_shift = arith.quantize_multiplier(gate_factor)
        if not -15 <= output_shift <= 0:
            raise ValueError(
                f"the input scale over the output scale, {output_factor * 128:.9g}, is not in 0.002 to 128"
            )
        if gate_shift < -15:
            raise ValueError(f"the input scale {source.scale:.9g} is below 2^-22")
        refined = (x - source.zero_point) << _INPUT_SHIFT
        scaled = _rounding_doubling_high_mul(refined, _narrow(output_multiplier))
        # x / 3 in Q0.15, saturated: all but the last bit of a left shift comes first.
        gate = np.clip(refined << max(gate_shift - 1, 0), *_INT16)
        gate = _rounding_doubling_high_mul(gate, _narrow(gate_multiplier))
        if gate_shift > 0:
            gate = np.clip(gate << 1, *_INT16)
        gate = arith.rounding_divide_by_pot(gate, max(-gate_shift, 0))
        gate = (gate + (1 << 15)) >> 1
        product = gate * scaled
        truncated = np.where(product >= 0, product >> 15, -(-product >> 15))
        return arith.rounding_divide_by_pot(truncated, -output_shift) + result.zero_point

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sample(cls(), "image", (0.05, 3), (0.04, -120), (1, 4, 5, 6))
        yield sample(cls(), "one", (0.05, 3), (0.05, 3), (1,))
        yield sample(cls(), "same", (0.05, 3), (0.05, 3))
        yield sample(cls(), "zero_points_low", (0.05, -128), (0.05, -128))
        yield sample(cls(), "zero_points_high", (0.05, 127), (0.05, 127))
        yield sample(cls(), "saturating", (0.7, 0), (0.01, 5))
        yield sample(cls(), "vanishing", (0.01, 0), (3.0, 5))
        for exponent in (-14, -10, -8, -7, -6, -5, -4, -3, -2, 0, 2, 4):
            yield sample(cls(), f"scale_2e{exponent}", (1.23 * 2.0**exponent, 5), (0.97 * 2.0**exponent, -20))
        yield from float_samples(cls())


def _narrow(multiplier: int) -> int:
    """A Q0.31 multiplier as Q0.15, rounded."""
    return min((multiplier + (1 << 15)) >> 16, _INT16[1])


def _rounding_doubling_high_mul(x: arith.Ints, multiplier: int) -> arith.Ints:
    """The high 16 bits of ``2 · x · multiplier``, rounded, of 16-bit numbers; the multiplier is not negative."""
    product = x * multiplier
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    result: arith.Ints = np.where(nudged >= 0, nudged >> 15, -(-nudged >> 15))
    return result
