"""GELU: the Gaussian error linear unit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import Node, Value
from microgen.ops.base import Op, Sample
from microgen.ops.erf import erf
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource
from microgen.ops.unary import Unary, unary_samples


@dataclass(frozen=True)
class Gelu(Unary):
    """``x · Φ(x)`` with the normal distribution's Φ, or its approximation
    ``x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))`` (Hendrycks and Gimpel, 2016).
    """

    approximate: bool = False

    name: ClassVar[str] = "Gelu"
    tflite: ClassVar[tuple[str, ...]] = ("GELU",)
    tflite_options: ClassVar[str | None] = "GeluOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Gelu",)

    @property
    def stem(self) -> str:  # type: ignore[override]
        """The kernel's name without ``mg_`` and ``_f32``."""
        return "gelu_tanh" if self.approximate else "gelu"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(bool(source.option("Approximate"))), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        form = super().to_tflite(node)
        return replace(form, options={"Approximate": self.approximate})

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        kind = source.text("approximate", "none")
        if kind not in ("none", "tanh"):
            raise VerifyError(f"attribute approximate is {kind!r}, neither none nor tanh")
        return cls(kind == "tanh"), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Gelu", node.inputs, {"approximate": "tanh" if self.approximate else "none"})

    def compute(self, x: Numbers) -> Numbers:
        # Factors of Python's own type leave single precision what it is.
        if self.approximate:
            share = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))
        else:
            share = erf(x * math.sqrt(0.5))
        result: Numbers = 0.5 * x * (1 + share)
        # What is far below 0 is 0 times -infinity only in the formula.
        return np.where(x < -1e3, x.dtype.type(0), result)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(), (0.02, -120))
        yield from unary_samples(cls(True), (0.02, -120), suffix="_tanh")
