"""ABS: the magnitude."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import QuantParams
from microgen.ops.base import Sample
from microgen.ops.unary import NumberUnary, rescale, sample, unary_samples


@dataclass(frozen=True)
class Abs(NumberUnary):
    """``|x|``; the smallest integer of a signed type stays what it is."""

    name: ClassVar[str] = "Abs"
    stem: ClassVar[str] = "abs"
    tflite: ClassVar[tuple[str, ...]] = ("ABS",)
    tflite_int8: ClassVar[bool] = True
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

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
        yield sample(cls(), "same", (0.05, 3), (0.05, -100))
        yield sample(cls(), "ties", (0.5, -128), (0.4, -128))
