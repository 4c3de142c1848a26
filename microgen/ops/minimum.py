"""MINIMUM: the smaller of two tensors' elements."""

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
class Minimum(Extreme):
    """The smaller element; what is not a number wins."""

    name: ClassVar[str] = "Minimum"
    stem: ClassVar[str] = "minimum"
    largest: ClassVar[bool] = False
    tflite: ClassVar[tuple[str, ...]] = ("MINIMUM",)
    mindspore: ClassVar[tuple[str, ...]] = ("Minimum",)
    onnx_name: ClassVar[str] = "Min"

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.minimum(first, second)
        return result

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        return np.minimum(first, second)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from extreme_samples(cls())
