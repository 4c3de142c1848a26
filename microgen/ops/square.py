"""SQUARE: a number times itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen.arith import Numbers
from microgen.mindir import Node
from microgen.ops.base import Sample
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.unary import NumberUnary, unary_samples


@dataclass(frozen=True)
class Square(NumberUnary):
    """``x · x``."""

    name: ClassVar[str] = "Square"
    stem: ClassVar[str] = "square"
    tflite: ClassVar[tuple[str, ...]] = ("SQUARE",)
    mindspore: ClassVar[tuple[str, ...]] = ("Square",)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Mul", (node.input(0), node.input(0)))

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = x * x
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls())
