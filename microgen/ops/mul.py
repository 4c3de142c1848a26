"""MUL: the product of two tensors, element by element."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node
from microgen.ops.arithmetic import Arithmetic, arithmetic_samples
from microgen.ops.base import Sample
from microgen.ops.binary import int8_samples, int16_samples, scale_and_zero_point
from microgen.ops.call import Arg, Input, Int, Output


@dataclass(frozen=True)
class Mul(Arithmetic):
    """In int8 and int16, the product of the integers, scaled by the product of the input scales over the output's."""

    name: ClassVar[str] = "Mul"
    tflite: ClassVar[tuple[str, ...]] = ("MUL",)
    tflite_options: ClassVar[str | None] = "MulOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Mul",)
    mindspore: ClassVar[tuple[str, ...]] = ("Mul",)
    plain_kernel: ClassVar[str] = "arm_elementwise_mul"
    takes_int16: ClassVar[bool] = True
    stem: ClassVar[str] = "mul"

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first * second
        return result

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        q = self.quant_fields(node)
        product = (first + q["input_1_offset"]) * (second + q["input_2_offset"])
        scaled = arith.multiply_by_quantized_multiplier(product, q["output_multiplier"], q["output_shift"])
        return arith.wrap32(scaled + q["output_offset"])

    def quant_fields(self, node: Node) -> dict[str, int]:
        scale_1, zero_1 = scale_and_zero_point(node.input(0))
        scale_2, zero_2 = scale_and_zero_point(node.input(1))
        scale_out, zero_out = scale_and_zero_point(node.output)
        multiplier, shift = arith.quantize_multiplier(scale_1 * scale_2 / scale_out)
        return {
            "input_1_offset": -zero_1,
            "input_2_offset": -zero_2,
            "output_offset": zero_out,
            "output_multiplier": multiplier,
            "output_shift": shift,
        }

    def plain_arguments(self, node: Node) -> tuple[Arg, ...]:
        q = {name: Int(value) for name, value in self.quant_fields(node).items()}
        return (
            Input(0),
            Input(1),
            q["input_1_offset"],
            q["input_2_offset"],
            Output(),
            q["output_offset"],
            q["output_multiplier"],
            q["output_shift"],
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(cls, 0.05 * 0.05 * 40)
        yield from int16_samples(cls, 0.0002 * 0.00015 * 12000)
        yield from arithmetic_samples(cls)
