"""DIV: the quotient of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import Node
from microgen.ops.arithmetic import Arithmetic, arithmetic_samples
from microgen.ops.base import Sample
from microgen.ops.binary import int8_samples, scale_and_zero_point
from microgen.ops.constraints import is_quantized
from microgen.ops.tflite_form import TFLiteForm

# A dividend of 9 bits has room for this many in 31.
_MOST_SHIFT = 22


@dataclass(frozen=True)
class Div(Arithmetic):
    """``a / b``; of integers, truncated towards zero, and 0 where the divisor is 0.

    In int8 it is the dividend times an approximate reciprocal, as in the reference interpreter. What is undefined there
    is defined here: small quotients, which take a shift by 31 bits or more, are rounded as others are, and a division
    by what stands for 0 gives the end of the range on the side of the dividend, 0 / 0 gives 0.
    """

    name: ClassVar[str] = "Div"
    stem: ClassVar[str] = "div"
    tflite: ClassVar[tuple[str, ...]] = ("DIV",)
    tflite_options: ClassVar[str | None] = "DivOptions"
    tflite_version: ClassVar[int] = 1
    onnx: ClassVar[tuple[str, ...]] = ("Div",)
    mindspore: ClassVar[tuple[str, ...]] = ("Div", "RealDiv")

    def to_tflite(self, node: Node) -> TFLiteForm:
        if is_quantized(node):
            raise VerifyError(
                "TensorFlow Lite Micro's int8 division leaves small quotients undefined", where=node.label
            )
        return super().to_tflite(node)

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        q = self.quant_fields(node)
        divisor = second + q["input_2_offset"]
        dividend = np.where(divisor < 0, -1, 1) * (first + q["input_1_offset"])
        size = np.maximum(np.abs(divisor), 1)
        bits = _length(size) - 1
        inverse = arith.one_over_one_plus_x((size << (31 - bits)) - (1 << 31))
        # A negative power of two has the sign's bit to itself.
        room = 31 - _length(np.where(dividend < 0, -dividend * 2 - 1, dividend))
        unscaled = arith.saturating_rounding_doubling_high_mul(dividend << room, inverse)
        scaled = arith.saturating_rounding_doubling_high_mul(unscaled, q["output_multiplier"])
        drop = bits + room - q["output_shift"]
        rounded = np.where(drop > 31, 0, arith.rounding_divide_by_pot(scaled, np.minimum(drop, 31)))
        quotient: arith.Ints = np.where(divisor == 0, 255 * np.sign(dividend), rounded)
        return quotient + q["output_offset"]

    def quant_fields(self, node: Node) -> dict[str, int]:
        scale_1, zero_1 = scale_and_zero_point(node.input(0))
        scale_2, zero_2 = scale_and_zero_point(node.input(1))
        scale_out, zero_out = scale_and_zero_point(node.output)
        multiplier, shift = arith.quantize_multiplier(scale_1 / (scale_2 * scale_out))
        if shift > _MOST_SHIFT:
            raise ValueError(f"a quotient of 1 is 2^{_MOST_SHIFT} steps of the output or more")
        return {
            "input_1_offset": -zero_1,
            "input_2_offset": -zero_2,
            "output_offset": zero_out,
            "output_multiplier": multiplier,
            "output_shift": shift,
        }

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        if first.dtype.kind == "f":
            result: Numbers = first / second
            return result
        quotient = first // second
        remains = (quotient * second != first) & (second != 0)
        # NumPy rounds down: towards zero is one more where the signs differ.
        return np.where(remains & ((first < 0) != (second < 0)), quotient + 1, quotient)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(cls, 0.9)
        # The reference gives the largest finite number for a division by zero.
        yield from arithmetic_samples(cls, divides=True)


def _length(x: arith.Ints) -> arith.Ints:
    """The bits of numbers that are not negative; 0 of 0."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)
