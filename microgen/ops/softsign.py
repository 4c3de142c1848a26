"""Softsign: x / (1 + |x|)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Softsign(Unary):
    """``x / (1 + |x|)``."""

    name: ClassVar[str] = "Softsign"
    stem: ClassVar[str] = "softsign"
    onnx: ClassVar[tuple[str, ...]] = ("Softsign",)
    mindspore: ClassVar[tuple[str, ...]] = ("Softsign",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = x / (1 + np.abs(x))
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
