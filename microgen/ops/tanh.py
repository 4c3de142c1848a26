"""TANH: the hyperbolic tangent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.sigmoidal import INPUT_BITS, Sigmoidal


@dataclass(frozen=True)
class Tanh(Sigmoidal):
    """Real results lie between -1 and 1."""

    name: ClassVar[str] = "Tanh"
    stem: ClassVar[str] = "tanh"
    tflite: ClassVar[tuple[str, ...]] = ("TANH",)
    onnx: ClassVar[tuple[str, ...]] = ("Tanh",)
    mindspore: ClassVar[tuple[str, ...]] = ("Tanh",)
    result_scale: ClassVar[float] = 1 / 128
    result_zero_point: ClassVar[int] = 0
    exact_shifts: ClassVar[range] = range(2)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.tanh(x)
        return result

    def fixed_point(self, x: arith.Ints) -> arith.Ints:
        return arith.tanh(x, INPUT_BITS)

    def curve(self, x: arith.Ints, multiplier: int, shift: int) -> arith.Ints:
        return arith.tanh_s16(x, multiplier, shift)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from cls.shape_samples(0.03)
