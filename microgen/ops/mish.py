"""Mish: a smooth ReLU that dips below 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Mish(Unary):
    """``x · tanh(ln(1 + e^x))`` (Misra, 2019)."""

    name: ClassVar[str] = "Mish"
    stem: ClassVar[str] = "mish"
    onnx: ClassVar[tuple[str, ...]] = ("Mish",)
    mindspore: ClassVar[tuple[str, ...]] = ("Mish",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = x * np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
        # What is far below 0 is 0 times -infinity only in the formula.
        return np.where(x < -1e3, x.dtype.type(0), result)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.02, -110))
