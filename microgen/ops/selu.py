"""Selu: the scaled exponential linear unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.mindir import Node, Value
from microgen.ops.base import Op, Sample
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Selu(Unary):
    """``gamma · x`` where x > 0, ``gamma · alpha · (e^x - 1)`` elsewhere (Klambauer et al., 2017)."""

    alpha: float = 1.6732632423543772
    gamma: float = 1.0507009873554805

    name: ClassVar[str] = "Selu"
    stem: ClassVar[str] = "selu"
    onnx: ClassVar[tuple[str, ...]] = ("Selu",)
    mindspore: ClassVar[tuple[str, ...]] = ("SeLU",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.number("alpha", 1.6732631921768188), source.number("gamma", 1.0507010221481323)), (
            source.input(0),
        )

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Selu", node.inputs, {"alpha": self.alpha, "gamma": self.gamma})

    def parameters(self) -> tuple[float, ...]:
        return (self.alpha, self.gamma)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = self.gamma * np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
        yield from unary_samples(cls(2.0, 3.0), suffix="_steep")
