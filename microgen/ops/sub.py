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
from microgen.ops.binary import int8_samples
from microgen.ops.call import Call
from microgen.ops.common_scale import common_scale_fields, scaled_operands

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
        return common_scale_fields(node, _LEFT_SHIFT)

    def lower_int8(self, node: Node) -> tuple[Call, ...]:
        return (self.strided_call(node, "mg_sub_s8", "mg_add_s8"),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(cls, 0.08)
        yield from arithmetic_samples(cls)
