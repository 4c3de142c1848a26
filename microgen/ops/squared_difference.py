"""SQUARED_DIFFERENCE: the square of the difference of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import DType, Node, TensorType
from microgen.ops import sampling
from microgen.ops.base import Sample
from microgen.ops.binary import Binary, float_samples, int8_samples, int16_samples
from microgen.ops.call import Call, Input, Output
from microgen.ops.common_scale import common_scale_fields, scaled_operands
from microgen.ops.constraints import is_int16
from microgen.ops.tflite_form import TFLiteForm

# Bits by which both operands are refined before they are brought to one scale: the square still fits 32 bits.
_LEFT_SHIFT = 7
_LEFT_SHIFT_INT16 = 0


@dataclass(frozen=True)
class SquaredDifference(Binary):
    """``(a - b)²``; in int8 and int16, both operands are scaled to twice the larger input scale."""

    name: ClassVar[str] = "SquaredDifference"
    stem: ClassVar[str] = "squared_difference"
    takes_int16: ClassVar[bool] = True
    quant_struct: ClassVar[str] = "mg_add_s8"
    device_integers: ClassVar[frozenset[DType]] = frozenset((DType.INT32,))
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
        return common_scale_fields(node, _LEFT_SHIFT_INT16 if is_int16(node) else _LEFT_SHIFT, degree=2)

    def lower_integers(self, node: Node) -> tuple[Call, ...]:
        return (Call("mg_squared_difference_s32", (self.float_params(node), Input(0), Input(1), Output())),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from int8_samples(lambda _: cls(), 0.3, fuses=False)
        yield from int16_samples(lambda _: cls(), 0.002)
        yield from float_samples(cls())
        yield sampling.single(cls(), "i32", [TensorType(DType.INT32, (2, 3)), TensorType(DType.INT32, (3,))], None)
