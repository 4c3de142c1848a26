"""FLOOR, CEIL and ROUND: to whole numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Floor(Unary):
    """The largest whole number that is not above x."""

    name: ClassVar[str] = "Floor"
    stem: ClassVar[str] = "floor"
    tflite: ClassVar[tuple[str, ...]] = ("FLOOR",)
    onnx: ClassVar[tuple[str, ...]] = ("Floor",)
    mindspore: ClassVar[tuple[str, ...]] = ("Floor",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.floor(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())


@dataclass(frozen=True)
class Ceil(Unary):
    """The smallest whole number that is not below x."""

    name: ClassVar[str] = "Ceil"
    stem: ClassVar[str] = "ceil"
    tflite: ClassVar[tuple[str, ...]] = ("CEIL",)
    onnx: ClassVar[tuple[str, ...]] = ("Ceil",)
    mindspore: ClassVar[tuple[str, ...]] = ("Ceil",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.ceil(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())


@dataclass(frozen=True)
class Round(Unary):
    """The nearest whole number; of two the even one."""

    name: ClassVar[str] = "Round"
    stem: ClassVar[str] = "round"
    tflite: ClassVar[tuple[str, ...]] = ("ROUND",)
    onnx: ClassVar[tuple[str, ...]] = ("Round",)
    mindspore: ClassVar[tuple[str, ...]] = ("Round",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.rint(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
