"""LOG: the natural logarithm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Log(Unary):
    """``ln x``; not a number below 0."""

    name: ClassVar[str] = "Log"
    stem: ClassVar[str] = "log"
    tflite: ClassVar[tuple[str, ...]] = ("LOG",)
    onnx: ClassVar[tuple[str, ...]] = ("Log",)
    mindspore: ClassVar[tuple[str, ...]] = ("Log",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.log(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
