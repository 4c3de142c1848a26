"""HardSigmoid: a straight line, clamped to 0 and 1."""

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
class HardSigmoid(Unary):
    """``min(max(alpha · x + beta, 0), 1)``."""

    alpha: float = 1 / 6
    beta: float = 0.5

    name: ClassVar[str] = "HardSigmoid"
    stem: ClassVar[str] = "hard_sigmoid"
    onnx: ClassVar[tuple[str, ...]] = ("HardSigmoid",)
    mindspore: ClassVar[tuple[str, ...]] = ("HSigmoid",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.number("alpha", 0.2), source.number("beta", 0.5)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("HardSigmoid", node.inputs, {"alpha": self.alpha, "beta": self.beta})

    def parameters(self) -> tuple[float, ...]:
        return (self.alpha, self.beta)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.clip(self.alpha * x + self.beta, 0, 1)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (1 / 256, -128))
        yield from unary_samples(cls(0.2, 0.5), (1 / 256, -128), suffix="_fifth")
