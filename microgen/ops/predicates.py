"""IsNaN and IsInf: questions about floating-point numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.mindir import Node, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.unary import Predicate


@dataclass(frozen=True)
class IsNaN(Predicate):
    """Whether x is not a number."""

    name: ClassVar[str] = "IsNaN"
    stem: ClassVar[str] = "is_nan"
    onnx: ClassVar[tuple[str, ...]] = ("IsNaN",)
    mindspore: ClassVar[tuple[str, ...]] = ("IsNan",)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.isnan(x)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(), "f32", [sampling.float32((1, 3, 5, 4))], None)
        yield from _special_samples(cls(), "")


@dataclass(frozen=True)
class IsInf(Predicate):
    """Whether x is infinite: above, below, or either."""

    positive: bool = True
    negative: bool = True

    name: ClassVar[str] = "IsInf"
    stem: ClassVar[str] = "is_inf"
    onnx: ClassVar[tuple[str, ...]] = ("IsInf",)
    mindspore: ClassVar[tuple[str, ...]] = ("IsInf",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        detect = (source.integer(f"detect_{sign}", 1) != 0 for sign in ("positive", "negative"))
        return cls(*detect), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        attributes = {"detect_positive": int(self.positive), "detect_negative": int(self.negative)}
        return OnnxForm("IsInf", node.inputs, attributes)

    def parameters(self) -> tuple[float, ...]:
        # What x must be at most or at least; nothing compares with what is not a number.
        return (np.inf if self.positive else np.nan, -np.inf if self.negative else np.nan)

    def compute(self, x: Numbers) -> Numbers:
        above, below = self.parameters()
        result: Numbers = (x == above) | (x == below)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for op, suffix in ((cls(), ""), (cls(True, False), "_positive"), (cls(False, True), "_negative")):
            yield sampling.single(op, f"f32{suffix}", [sampling.float32((1, 3, 5, 4))], None)
            yield from _special_samples(op, suffix)


def _special_samples(op: Predicate, suffix: str) -> Iterator[Sample]:
    """Constants that are no ordinary numbers, for the answer to be yes now and then."""
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, 3e38, -1.0], np.float32)
    for id, shape in (("specials", (8,)), ("special_image", (2, 4))):
        constant = sampling.constant("special", special.reshape(shape))
        yield sampling.single(op, f"f32_{id}{suffix}", [constant], None)
