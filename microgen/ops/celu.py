"""Celu: an exponential linear unit without a bend at 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.mindir import Node, Value
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Celu(Unary):
    """``max(x, 0) + min(0, alpha · (e^(x / alpha) - 1))`` (Barron, 2017)."""

    alpha: float = 1.0

    name: ClassVar[str] = "Celu"
    stem: ClassVar[str] = "celu"
    onnx: ClassVar[tuple[str, ...]] = ("Celu",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.number("alpha", 1.0)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Celu", node.inputs, {"alpha": self.alpha})

    @constraint
    def slope(self, node: Node) -> str | None:
        """alpha is not 0"""
        return None if self.alpha else "it is"

    def parameters(self) -> tuple[float, ...]:
        return (self.alpha,)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.maximum(x, 0) + np.minimum(0, self.alpha * np.expm1(x / self.alpha))
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
        yield from unary_samples(cls(2.0), suffix="_2")
