"""What Logistic and Tanh share: in int8 a fixed-point function, whose results have the scale that spans its range."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Node, QuantParams
from microgen.ops.base import Sample, constraint
from microgen.ops.call import Call, Const, Input, Int, Output
from microgen.ops.constraints import is_int16, is_quantized
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm
from microgen.ops.unary import Unary, float_samples, int16_sample, sample

#: The fixed-point functions take Q4.27; inputs beyond its range saturate.
INPUT_BITS = 4
_CURVE_SCALE = 2.0**-15


@dataclass(frozen=True)
class Sigmoidal(Unary):
    """An int8 result of ``result_scale`` and ``result_zero_point`` is computed as TensorFlow Lite does, any other as
    those of all functions.
    """

    #: A power of two.
    result_scale: ClassVar[float]
    result_zero_point: ClassVar[int]
    tflite_int8: ClassVar[bool] = True
    takes_int16: ClassVar[bool] = True
    #: Left shifts of the curve's argument that a power of two as scale may stand for.
    exact_shifts: ClassVar[range]

    def fixed_point(self, x: arith.Ints) -> arith.Ints:
        """The function of Q4.27 in Q0.31."""
        raise NotImplementedError

    @classmethod
    def own_quantization(cls) -> QuantParams:
        """That of the results that TensorFlow Lite computes."""
        return QuantParams.per_tensor(cls.result_scale, cls.result_zero_point)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if is_int16(node):
            return Unary.to_tflite(self, node)
        if is_quantized(node) and node.output.type.quant != self.own_quantization():
            wanted = f"a result of scale 1/{1 / self.result_scale:g} and zero point {self.result_zero_point}"
            raise VerifyError(f"TensorFlow Lite has {self.name} with {wanted} only", where=node.label)
        return super().to_tflite(node)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(output=self.own_quantization())

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        if result != self.own_quantization():
            return super().apply(source, result, x)
        fraction, shift = math.frexp(source.scale * (1 << (31 - INPUT_BITS)))
        if not 0 <= shift <= 62:
            raise ValueError(f"the input scale {source.scale:.9g} is not between 2^-28 and 2^35")
        multiplier = arith.round_half_away(fraction * (1 << 31))
        radius = arith.input_radius(INPUT_BITS, shift)
        centred = x - source.zero_point
        inside = np.abs(centred) < radius
        # Shifts above 30 come with a radius of 0 or 1, which leaves no input but 0.
        scaled = arith.multiply_by_quantized_multiplier(np.where(inside, centred, 0), multiplier, min(shift, 30))
        fraction_bits = round(-math.log2(self.result_scale))
        steps = arith.rounding_divide_by_pot(self.fixed_point(scaled), 31 - fraction_bits) + self.result_zero_point
        # With a radius of 0 the lower bound wins for an input of 0 too, as in the reference.
        return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, steps))

    @abstractmethod
    def curve(self, x: arith.Ints, multiplier: int, shift: int) -> arith.Ints:
        """The function of int16 values in Q0.15, ``multiplier`` and ``shift`` as ``arith.logistic_s16`` takes them."""

    @constraint
    def int16_output(self, node: Node) -> str | None:
        """an int16 output has scale 1/32768"""
        quant = node.output.type.quant
        if not is_int16(node) or quant is None or quant.scale == _CURVE_SCALE:
            return None
        return f"it has {quant.scale:.9g}"

    def argument(self, source: QuantParams) -> tuple[int, int]:
        """(multiplier, shift) that bring int16 values to the curve's unit, 1 / (3 · 2^12)."""
        fraction, exponent = math.frexp(source.scale)
        left = 12 + exponent - 1
        if fraction == 0.5 and left in self.exact_shifts:
            return 3 << left, 0
        real, shift = source.scale * 3.0 * (1 << 12), 0
        while real <= 32767.0 / 2.0 and shift <= 30:
            real *= 2.0
            shift += 1
        if real > 65535.0:
            raise ValueError(f"the input scale {source.scale:.9g} of int16 values is not below 5.3")
        return int(real), shift

    def apply_int16(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        return self.curve(x, *self.argument(source))

    def int16_call(self, node: Node, source: QuantParams, result: QuantParams) -> Call:
        table, size = Const("sigmoid", arith.SIGMOID_TABLE), Int(node.output.type.elements)
        multiplier, shift = map(Int, self.argument(source))
        return Call(f"mg_{self.stem}_s16", (Input(0), table, Output(), size, multiplier, shift))

    @classmethod
    def shape_samples(cls, scale: float) -> Iterator[Sample]:
        """Samples with inputs of about ``scale``, and of scales from the smallest to the largest."""
        own, nearby = (cls.result_scale, cls.result_zero_point), round(scale - 0.01, 9)
        yield sample(cls(), "image", (scale, 4), own, (1, 4, 5, 6))
        yield sample(cls(), "one", (scale, 4), own, (1,))
        yield sample(cls(), "zero_point_low", (nearby, -128), own)
        yield sample(cls(), "zero_point_high", (nearby, 127), own)
        for exponent in (-20, -12, -9, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6):
            yield sample(cls(), f"scale_2e{exponent}", (1.23 * 2.0**exponent, 5), own)
        yield sample(cls(), "other_scale", (0.06, 4), (0.003, -100))
        for exponent in (-13, -12, -11):
            yield int16_sample(cls(), f"scale_2e{exponent}", 2.0**exponent, _CURVE_SCALE, (7, 9))
        yield int16_sample(cls(), "fine", 0.00003, _CURVE_SCALE)
        yield int16_sample(cls(), "coarse", 0.0007, _CURVE_SCALE)
        yield from float_samples(cls())
