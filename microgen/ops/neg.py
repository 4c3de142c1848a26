"""NEG: the opposite number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import NumberUnary, unary_samples


@dataclass(frozen=True)
class Neg(NumberUnary):
    """``-x``."""

    name: ClassVar[str] = "Neg"
    stem: ClassVar[str] = "neg"
    tflite: ClassVar[tuple[str, ...]] = ("NEG",)
    onnx: ClassVar[tuple[str, ...]] = ("Neg",)
    mindspore: ClassVar[tuple[str, ...]] = ("Neg",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.negative(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
