"""Erf: the error function."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples

_ERF: Any = np.frompyfunc(math.erf, 1, 1)


def erf(x: Numbers) -> Numbers:
    """The error function in double precision, rounded to ``x``'s element type."""
    result: Numbers = _ERF(x.astype(np.float64)).astype(x.dtype)
    return result


@dataclass(frozen=True)
class Erf(Unary):
    """``2/√π ∫ e^(-t²) dt`` from 0 to x."""

    name: ClassVar[str] = "Erf"
    stem: ClassVar[str] = "erf"
    onnx: ClassVar[tuple[str, ...]] = ("Erf",)
    mindspore: ClassVar[tuple[str, ...]] = ("Erf",)

    def compute(self, x: Numbers) -> Numbers:
        return erf(x)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.008, 0))
