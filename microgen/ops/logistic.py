"""LOGISTIC: the sigmoid function, 1 / (1 + exp(-x))."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node, QuantParams
from microgen.ops.base import Sample, constraint
from microgen.ops.constraints import is_quantized
from microgen.ops.quantization import QuantRule
from microgen.ops.unary import Unary, float_samples, sample

# The fixed-point function takes Q4.27; inputs beyond its range saturate.
_INPUT_BITS = 4
_OUTPUT = (1 / 256, -128)


@dataclass(frozen=True)
class Logistic(Unary):
    """Real results lie between 0 and 1, so that the int8 output's scale is fixed."""

    name: ClassVar[str] = "Logistic"
    stem: ClassVar[str] = "logistic"
    tflite: ClassVar[tuple[str, ...]] = ("LOGISTIC",)
    tflite_int8: ClassVar[bool] = True
    onnx: ClassVar[tuple[str, ...]] = ("Sigmoid",)
    mindspore: ClassVar[tuple[str, ...]] = ("Sigmoid",)

    @constraint
    def output_range(self, node: Node) -> str | None:
        """a quantized output has scale 1/256 and zero point -128"""
        quant = node.output.type.quant
        if (
            not is_quantized(node)
            or quant is None
            or (quant.scales, quant.zero_points) == ((_OUTPUT[0],), (_OUTPUT[1],))
        ):
            return None
        return f"it has {quant}"

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(output=QuantParams.per_tensor(*_OUTPUT))

    def compute(self, x: Numbers) -> Numbers:
        # e^-|x| never overflows.
        small = np.exp(-np.abs(x))
        result: Numbers = np.where(x >= 0, 1, small) / (1 + small)
        return result.astype(x.dtype)

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        fraction, shift = math.frexp(source.scale * (1 << (31 - _INPUT_BITS)))
        if not 0 <= shift <= 62:
            raise ValueError(f"the input scale {source.scale:.9g} is not between 2^-28 and 2^35")
        multiplier = arith.round_half_away(fraction * (1 << 31))
        radius = arith.input_radius(_INPUT_BITS, shift)
        centred = x - source.zero_point
        inside = np.abs(centred) < radius
        # Shifts above 30 come with a radius of 0 or 1, which leaves no input but 0.
        scaled = arith.multiply_by_quantized_multiplier(np.where(inside, centred, 0), multiplier, min(shift, 30))
        shares = arith.rounding_divide_by_pot(arith.logistic(scaled, _INPUT_BITS), 31 - 8)
        # With a radius of 0 the lower bound wins for an input of 0 too, as in the reference.
        return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, shares - 128))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sample(cls(), "image", (0.06, 4), _OUTPUT, (1, 4, 5, 6))
        yield sample(cls(), "one", (0.06, 4), _OUTPUT, (1,))
        yield sample(cls(), "zero_point_low", (0.05, -128), _OUTPUT)
        yield sample(cls(), "zero_point_high", (0.05, 127), _OUTPUT)
        for exponent in (-20, -12, -9, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6):
            yield sample(cls(), f"scale_2e{exponent}", (1.23 * 2.0**exponent, 5), _OUTPUT)
        yield from float_samples(cls())
