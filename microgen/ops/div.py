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

# From this many bits on every quotient rounds to 0: a dividend with its multiplier has less than 39.
_MOST_BITS = 41


@dataclass(frozen=True)
class Div(Arithmetic):
    """``a / b``; of integers, truncated towards zero, and 0 where the divisor is 0.

    In int8 the quotient is rounded once, to the nearest step, halves away from zero; a division by what stands for 0
    gives the end of the range on the side of the dividend, 0 / 0 gives 0. (The reference interpreter approximates the
    reciprocal, which is undefined for small quotients; there is no agreement to keep.)
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
            raise VerifyError("TensorFlow Lite Micro's int8 division is another one", where=node.label)
        return super().to_tflite(node)

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        q = self.quant_fields(node)
        dividend = (first + q["input_1_offset"]) * q["output_multiplier"]
        divisor = second + q["input_2_offset"]
        scaled = np.abs(divisor) << q["output_shift"]
        size = (2 * np.abs(dividend) + scaled) // np.maximum(2 * scaled, 1)
        quotient = np.where(divisor == 0, 255 * (dividend != 0), size)
        signed: arith.Ints = np.where((dividend < 0) != (divisor < 0), -quotient, quotient)
        return signed + q["output_offset"]

    def quant_fields(self, node: Node) -> dict[str, int]:
        scale_1, zero_1 = scale_and_zero_point(node.input(0))
        scale_2, zero_2 = scale_and_zero_point(node.input(1))
        scale_out, zero_out = scale_and_zero_point(node.output)
        multiplier, shift = arith.quantize_multiplier(scale_1 / (scale_2 * scale_out))
        return {
            "input_1_offset": -zero_1,
            "input_2_offset": -zero_2,
            "output_offset": zero_out,
            "output_multiplier": multiplier,
            "output_shift": min(31 - shift, _MOST_BITS),
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
