"""EXP: the exponential function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Exp(Unary):
    """``e^x``."""

    name: ClassVar[str] = "Exp"
    stem: ClassVar[str] = "exp"
    tflite: ClassVar[tuple[str, ...]] = ("EXP",)
    onnx: ClassVar[tuple[str, ...]] = ("Exp",)
    mindspore: ClassVar[tuple[str, ...]] = ("Exp",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.exp(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
