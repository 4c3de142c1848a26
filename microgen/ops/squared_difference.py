"""SQUARED_DIFFERENCE: the square of the difference of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node
from microgen.ops.base import Sample
from microgen.ops.binary import Binary, float_samples, int8_samples
from microgen.ops.call import Call
from microgen.ops.common_scale import common_scale_fields, scaled_operands
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
        return common_scale_fields(node, _LEFT_SHIFT, degree=2)

    def lower_int8(self, node: Node) -> tuple[Call, ...]:
        return (self.strided_call(node, "mg_squared_difference_s8", "mg_add_s8"),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(lambda _: cls(), 0.3, fuses=False)
        yield from float_samples(cls())
