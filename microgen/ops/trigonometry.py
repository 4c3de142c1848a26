"""SIN, COS and their kin, and their inverse functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Sin(Unary):
    """The sine."""

    name: ClassVar[str] = "Sin"
    stem: ClassVar[str] = "sin"
    tflite: ClassVar[tuple[str, ...]] = ("SIN",)
    onnx: ClassVar[tuple[str, ...]] = ("Sin",)
    mindspore: ClassVar[tuple[str, ...]] = ("Sin",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.sin(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.01, -3))


@dataclass(frozen=True)
class Cos(Unary):
    """The cosine."""

    name: ClassVar[str] = "Cos"
    stem: ClassVar[str] = "cos"
    tflite: ClassVar[tuple[str, ...]] = ("COS",)
    onnx: ClassVar[tuple[str, ...]] = ("Cos",)
    mindspore: ClassVar[tuple[str, ...]] = ("Cos",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.cos(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.01, -3))


@dataclass(frozen=True)
class Tan(Unary):
    """The tangent."""

    name: ClassVar[str] = "Tan"
    stem: ClassVar[str] = "tan"
    onnx: ClassVar[tuple[str, ...]] = ("Tan",)
    mindspore: ClassVar[tuple[str, ...]] = ("Tan",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.tan(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.04, -3))


@dataclass(frozen=True)
class Asin(Unary):
    """The inverse sine; not a number outside of -1 to 1."""

    name: ClassVar[str] = "Asin"
    stem: ClassVar[str] = "asin"
    onnx: ClassVar[tuple[str, ...]] = ("Asin",)
    mindspore: ClassVar[tuple[str, ...]] = ("Asin",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.arcsin(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.01, -3), source=(0.01, -7))


@dataclass(frozen=True)
class Acos(Unary):
    """The inverse cosine; not a number outside of -1 to 1."""

    name: ClassVar[str] = "Acos"
    stem: ClassVar[str] = "acos"
    onnx: ClassVar[tuple[str, ...]] = ("Acos",)
    mindspore: ClassVar[tuple[str, ...]] = ("ACos",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.arccos(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.01, -3), source=(0.01, -7))


@dataclass(frozen=True)
class Atan(Unary):
    """The inverse tangent."""

    name: ClassVar[str] = "Atan"
    stem: ClassVar[str] = "atan"
    onnx: ClassVar[tuple[str, ...]] = ("Atan",)
    mindspore: ClassVar[tuple[str, ...]] = ("Atan",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.arctan(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.01, -3), source=(0.01, -7))
