"""MAXIMUM: the larger of two tensors' elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node
from microgen.ops.base import Sample
from microgen.ops.extremes import Extreme, extreme_samples


@dataclass(frozen=True)
class Maximum(Extreme):
    """The larger element; what is not a number wins."""

    name: ClassVar[str] = "Maximum"
    stem: ClassVar[str] = "maximum"
    largest: ClassVar[bool] = True
    tflite: ClassVar[tuple[str, ...]] = ("MAXIMUM",)
    mindspore: ClassVar[tuple[str, ...]] = ("Maximum",)
    onnx_name: ClassVar[str] = "Max"

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.maximum(first, second)
        return result

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        return np.maximum(first, second)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from extreme_samples(cls())
