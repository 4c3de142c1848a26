"""ADD: the sum of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node
from microgen.ops.arithmetic import Arithmetic, arithmetic_samples
from microgen.ops.base import Sample
from microgen.ops.binary import int8_samples, int16_samples
from microgen.ops.call import Arg, Input, Int, Output
from microgen.ops.common_scale import common_scale_fields, scaled_operands
from microgen.ops.constraints import is_int16

# Bits by which both operands are refined before they are brought to one scale.
_LEFT_SHIFT = 20
_LEFT_SHIFT_INT16 = 15


@dataclass(frozen=True)
class Add(Arithmetic):
    """Quantized operands are scaled to twice the larger input scale, added, and scaled to the output's."""

    name: ClassVar[str] = "Add"
    tflite: ClassVar[tuple[str, ...]] = ("ADD",)
    tflite_options: ClassVar[str | None] = "AddOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Add",)
    mindspore: ClassVar[tuple[str, ...]] = ("Add", "TensorAdd")
    plain_kernel: ClassVar[str] = "arm_elementwise_add"
    takes_int16: ClassVar[bool] = True
    stem: ClassVar[str] = "add"

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first + second
        return result

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        q = self.quant_fields(node)
        a, b = scaled_operands(q, first, second)
        total = arith.wrap32(a + b)
        return (
            arith.multiply_by_quantized_multiplier(total, q["output_multiplier"], q["output_shift"])
            + q["output_offset"]
        )

    def quant_fields(self, node: Node) -> dict[str, int]:
        return common_scale_fields(node, _LEFT_SHIFT_INT16 if is_int16(node) else _LEFT_SHIFT)

    def plain_arguments(self, node: Node) -> tuple[Arg, ...]:
        q = {name: Int(value) for name, value in self.quant_fields(node).items()}
        return (
            Input(0),
            Input(1),
            q["input_1_offset"],
            q["input_1_multiplier"],
            q["input_1_shift"],
            q["input_2_offset"],
            q["input_2_multiplier"],
            q["input_2_shift"],
            q["left_shift"],
            Output(),
            q["output_offset"],
            q["output_multiplier"],
            q["output_shift"],
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(cls, 0.08)
        yield from int16_samples(cls, 0.0003)
        yield from arithmetic_samples(cls)
