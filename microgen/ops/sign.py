"""SIGN: -1, 0 or 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import NumberUnary, unary_samples


@dataclass(frozen=True)
class Sign(NumberUnary):
    """-1 for negative numbers, 1 for positive ones, 0 for zeros; what is not a number stays so."""

    name: ClassVar[str] = "Sign"
    stem: ClassVar[str] = "sign"
    tflite: ClassVar[tuple[str, ...]] = ("SIGN",)
    onnx: ClassVar[tuple[str, ...]] = ("Sign",)
    mindspore: ClassVar[tuple[str, ...]] = ("Sign",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.sign(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
