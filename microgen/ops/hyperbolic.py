"""Hyperbolic functions and their inverse functions; the tangent has a module of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.ops.base import Sample
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Sinh(Unary):
    """The hyperbolic sine."""

    name: ClassVar[str] = "Sinh"
    stem: ClassVar[str] = "sinh"
    onnx: ClassVar[tuple[str, ...]] = ("Sinh",)
    mindspore: ClassVar[tuple[str, ...]] = ("Sinh",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.sinh(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.04, -3))


@dataclass(frozen=True)
class Cosh(Unary):
    """The hyperbolic cosine."""

    name: ClassVar[str] = "Cosh"
    stem: ClassVar[str] = "cosh"
    onnx: ClassVar[tuple[str, ...]] = ("Cosh",)
    mindspore: ClassVar[tuple[str, ...]] = ("Cosh",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.cosh(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.04, -3))


@dataclass(frozen=True)
class Asinh(Unary):
    """The inverse hyperbolic sine."""

    name: ClassVar[str] = "Asinh"
    stem: ClassVar[str] = "asinh"
    onnx: ClassVar[tuple[str, ...]] = ("Asinh",)
    mindspore: ClassVar[tuple[str, ...]] = ("Asinh",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.arcsinh(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.04, -3))


@dataclass(frozen=True)
class Acosh(Unary):
    """The inverse hyperbolic cosine; not a number below 1."""

    name: ClassVar[str] = "Acosh"
    stem: ClassVar[str] = "acosh"
    onnx: ClassVar[tuple[str, ...]] = ("Acosh",)
    mindspore: ClassVar[tuple[str, ...]] = ("Acosh",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.arccosh(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.04, -3))


@dataclass(frozen=True)
class Atanh(Unary):
    """The inverse hyperbolic tangent; not a number outside of -1 to 1."""

    name: ClassVar[str] = "Atanh"
    stem: ClassVar[str] = "atanh"
    onnx: ClassVar[tuple[str, ...]] = ("Atanh",)
    mindspore: ClassVar[tuple[str, ...]] = ("Atanh",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.arctanh(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.01, -3), source=(0.01, -7))
