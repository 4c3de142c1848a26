"""SQUARED_DIFFERENCE: the square of the difference of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node
from microgen.ops.base import Sample
from microgen.ops.binary import Binary, float_samples, int8_samples, scale_and_zero_point, scaled_operands
from microgen.ops.call import Call
from microgen.ops.tflite_form import TFLiteForm

# Bits by which both operands are refined before they are brought to one scale: the square still fits 32 bits.
_LEFT_SHIFT = 7


@dataclass(frozen=True)
class SquaredDifference(Binary):
    """``(a - b)²``; in int8, both operands are scaled to twice the larger input scale."""

    name: ClassVar[str] = "SquaredDifference"
    stem: ClassVar[str] = "squared_difference"
    tflite: ClassVar[tuple[str, ...]] = ("SQUARED_DIFFERENCE",)
    mindspore: ClassVar[tuple[str, ...]] = ("SquaredDifference",)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, version=2)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        difference: Numbers = first - second
        return difference * difference

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        q = self.quant_fields(node)
        a, b = scaled_operands(q, first, second)
        scaled = arith.multiply_by_quantized_multiplier(
            arith.wrap32((a - b) * (a - b)), q["output_multiplier"], q["output_shift"]
        )
        return arith.wrap32(scaled + q["output_offset"])

    def quant_fields(self, node: Node) -> dict[str, int]:
        scale_1, zero_1 = scale_and_zero_point(node.input(0))
        scale_2, zero_2 = scale_and_zero_point(node.input(1))
        scale_out, zero_out = scale_and_zero_point(node.output)
        twice_larger = 2.0 * max(scale_1, scale_2)
        multiplier_1, shift_1 = arith.quantize_multiplier(scale_1 / twice_larger)
        multiplier_2, shift_2 = arith.quantize_multiplier(scale_2 / twice_larger)
        multiplier, shift = arith.quantize_multiplier(
            twice_larger * twice_larger / ((1 << 2 * _LEFT_SHIFT) * scale_out)
        )
        return {
            "left_shift": _LEFT_SHIFT,
            "input_1_offset": -zero_1,
            "input_1_multiplier": multiplier_1,
            "input_1_shift": shift_1,
            "input_2_offset": -zero_2,
            "input_2_multiplier": multiplier_2,
            "input_2_shift": shift_2,
            "output_offset": zero_out,
            "output_multiplier": multiplier,
            "output_shift": shift,
        }

    def lower_int8(self, node: Node) -> tuple[Call, ...]:
        return (self.strided_call(node, "mg_squared_difference_s8", "mg_add_s8"),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(lambda _: cls(), 0.3, fuses=False)
        yield from float_samples(cls())
