"""ABS: the magnitude."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node, QuantParams
from microgen.ops.base import Sample
from microgen.ops.call import Call, Input, Int, Output
from microgen.ops.unary import NumberUnary, int16_sample, rescale, sample, unary_samples


@dataclass(frozen=True)
class Abs(NumberUnary):
    """``|x|``; the smallest integer of a signed type stays what it is."""

    name: ClassVar[str] = "Abs"
    stem: ClassVar[str] = "abs"
    tflite: ClassVar[tuple[str, ...]] = ("ABS",)
    tflite_int8: ClassVar[bool] = True
    takes_int16: ClassVar[bool] = True
    onnx: ClassVar[tuple[str, ...]] = ("Abs",)
    mindspore: ClassVar[tuple[str, ...]] = ("Abs",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.abs(x)
        return result

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        magnitude = np.abs(x - source.zero_point)
        if source.scale != result.scale:
            magnitude = rescale(magnitude, source.scale / result.scale)
        return arith.wrap32(magnitude + result.zero_point)

    def int16_call(self, node: Node, source: QuantParams, result: QuantParams) -> Call:
        same = source.scale == result.scale
        # As it is: 2^31 - 1 at shift 0 is no factor that a scale has.
        multiplier, shift = (0, 0) if same else arith.quantize_multiplier(source.scale / result.scale)
        size = Int(node.output.type.elements)
        return Call("mg_abs_s16", (Input(0), Output(), size, Int(int(not same)), Int(multiplier), Int(shift)))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
        yield sample(cls(), "same", (0.05, 3), (0.05, -100))
        yield sample(cls(), "ties", (0.5, -128), (0.4, -128))
        yield int16_sample(cls(), "same", 0.0002, 0.0002)
        yield int16_sample(cls(), "scaled", 0.0002, 0.00015)
