"""SUB: the difference of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node
from microgen.ops.arithmetic import Arithmetic, arithmetic_samples
from microgen.ops.base import Sample
from microgen.ops.binary import int8_samples, scale_and_zero_point, scaled_operands
from microgen.ops.call import Call

# Bits by which both operands are refined before they are brought to one scale.
_LEFT_SHIFT = 20


@dataclass(frozen=True)
class Sub(Arithmetic):
    """In int8, both operands are scaled to twice the larger input scale, subtracted, and scaled to the output's."""

    name: ClassVar[str] = "Sub"
    stem: ClassVar[str] = "sub"
    tflite: ClassVar[tuple[str, ...]] = ("SUB",)
    tflite_options: ClassVar[str | None] = "SubOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Sub",)
    mindspore: ClassVar[tuple[str, ...]] = ("Sub",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first - second
        return result

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        q = self.quant_fields(node)
        a, b = scaled_operands(q, first, second)
        scaled = arith.multiply_by_quantized_multiplier(arith.wrap32(a - b), q["output_multiplier"], q["output_shift"])
        return scaled + q["output_offset"]

    def quant_fields(self, node: Node) -> dict[str, int]:
        scale_1, zero_1 = scale_and_zero_point(node.input(0))
        scale_2, zero_2 = scale_and_zero_point(node.input(1))
        scale_out, zero_out = scale_and_zero_point(node.output)
        twice_larger = 2.0 * max(scale_1, scale_2)
        multiplier_1, shift_1 = arith.quantize_multiplier(scale_1 / twice_larger)
        multiplier_2, shift_2 = arith.quantize_multiplier(scale_2 / twice_larger)
        multiplier, shift = arith.quantize_multiplier(twice_larger / ((1 << _LEFT_SHIFT) * scale_out))
        if shift > 0:
            raise ValueError(
                f"the larger input scale {max(scale_1, scale_2):.9g} is at least 2^19 times the output scale "
                f"{scale_out:.9g}"
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
        return (self.strided_call(node, "mg_sub_s8", "mg_add_s8"),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(cls, 0.08)
        yield from arithmetic_samples(cls)
