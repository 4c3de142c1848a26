"""ELU: the exponential linear unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import Node, QuantParams, Value
from microgen.ops.base import Op, Sample
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.tflite_form import TFLiteForm
from microgen.ops.unary import Unary, round_half_away, unary_samples


@dataclass(frozen=True)
class Elu(Unary):
    """``x`` where x ≥ 0, ``alpha · (e^x - 1)`` elsewhere (Clevert et al., 2015)."""

    alpha: float = 1.0

    name: ClassVar[str] = "Elu"
    stem: ClassVar[str] = "elu"
    tflite: ClassVar[tuple[str, ...]] = ("ELU",)
    tflite_int8: ClassVar[bool] = True
    onnx: ClassVar[tuple[str, ...]] = ("Elu",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.number("alpha", 1.0)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Elu", node.inputs, {"alpha": self.alpha})

    def to_tflite(self, node: Node) -> TFLiteForm:
        if self.alpha != 1.0:
            raise VerifyError(f"TensorFlow Lite's ELU has no alpha of {self.alpha:.9g}", where=node.label)
        return super().to_tflite(node)

    def parameters(self) -> tuple[float, ...]:
        return (self.alpha,)

    def compute(self, x: Numbers) -> Numbers:
        return np.where(x >= 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        # As TensorFlow Lite fills its table: every step in single precision.
        with np.errstate(all="ignore"):
            real = np.float32(source.scale) * (x - source.zero_point).astype(np.float32)
            exponential = np.exp(np.minimum(real, 0).astype(np.float64)).astype(np.float32)
            negative = np.float32(self.alpha) * (exponential - np.float32(1))
            steps = np.where(real < 0, negative, real) * (np.float32(1) / np.float32(result.scale))
        return round_half_away(steps) + result.zero_point

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
        yield from unary_samples(cls(1.7), suffix="_steep")
