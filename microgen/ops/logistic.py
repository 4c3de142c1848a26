"""LOGISTIC: the sigmoid function, 1 / (1 + exp(-x))."""

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
class Logistic(Sigmoidal):
    """Real results lie between 0 and 1."""

    name: ClassVar[str] = "Logistic"
    stem: ClassVar[str] = "logistic"
    tflite: ClassVar[tuple[str, ...]] = ("LOGISTIC",)
    onnx: ClassVar[tuple[str, ...]] = ("Sigmoid",)
    mindspore: ClassVar[tuple[str, ...]] = ("Sigmoid",)
    result_scale: ClassVar[float] = 1 / 256
    result_zero_point: ClassVar[int] = -128
    exact_shifts: ClassVar[range] = range(1)

    def compute(self, x: Numbers) -> Numbers:
        # e^-|x| never overflows.
        small = np.exp(-np.abs(x))
        result: Numbers = np.where(x >= 0, 1, small) / (1 + small)
        return result.astype(x.dtype)

    def fixed_point(self, x: arith.Ints) -> arith.Ints:
        return arith.logistic(x, INPUT_BITS)

    def curve(self, x: arith.Ints, multiplier: int, shift: int) -> arith.Ints:
        return arith.logistic_s16(x, multiplier, shift)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from cls.shape_samples(0.06)
