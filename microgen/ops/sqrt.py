"""SQRT: the square root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Sqrt(Unary):
    """``√x``; not a number below 0."""

    name: ClassVar[str] = "Sqrt"
    stem: ClassVar[str] = "sqrt"
    tflite: ClassVar[tuple[str, ...]] = ("SQRT",)
    onnx: ClassVar[tuple[str, ...]] = ("Sqrt",)
    mindspore: ClassVar[tuple[str, ...]] = ("Sqrt",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.sqrt(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
