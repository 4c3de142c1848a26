"""Reciprocal: one over a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Reciprocal(Unary):
    """``1 / x``."""

    name: ClassVar[str] = "Reciprocal"
    stem: ClassVar[str] = "reciprocal"
    onnx: ClassVar[tuple[str, ...]] = ("Reciprocal",)
    mindspore: ClassVar[tuple[str, ...]] = ("Reciprocal",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.reciprocal(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
