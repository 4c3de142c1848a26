"""Softplus: a smooth ReLU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Softplus(Unary):
    """``ln(1 + e^x)``, computed as ``max(x, 0) + ln(1 + e^-|x|)``, which never overflows."""

    name: ClassVar[str] = "Softplus"
    stem: ClassVar[str] = "softplus"
    onnx: ClassVar[tuple[str, ...]] = ("Softplus",)
    mindspore: ClassVar[tuple[str, ...]] = ("Softplus",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
