"""ThresholdedRelu: what is not above a threshold becomes 0."""

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
class ThresholdedRelu(Unary):
    """``x`` where x > alpha, 0 elsewhere."""

    alpha: float = 1.0

    name: ClassVar[str] = "ThresholdedRelu"
    stem: ClassVar[str] = "thresholded_relu"
    onnx: ClassVar[tuple[str, ...]] = ("ThresholdedRelu",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.number("alpha", 1.0)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("ThresholdedRelu", node.inputs, {"alpha": self.alpha})

    def parameters(self) -> tuple[float, ...]:
        return (self.alpha,)

    def compute(self, x: Numbers) -> Numbers:
        # What is not a number is not above the threshold.
        return np.where(x > self.alpha, x, x.dtype.type(0))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
        yield from unary_samples(cls(-0.5), suffix="_negative")
