"""Clip: to an interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import DType, Node, QuantParams, TensorType, Value
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.relu import Relu
from microgen.ops.relu6 import Relu6
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource
from microgen.ops.unary import NumberUnary, clip_form, sample, unary_samples

_TFLITE = {"RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}
# Exporters write the largest finite number for no bound.
_UNBOUNDED = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Clip(NumberUnary):
    """``min(max(x, low), high)``; a bound may be infinite."""

    low: float = -math.inf
    high: float = math.inf

    name: ClassVar[str] = "Clip"
    stem: ClassVar[str] = "clip"
    tflite: ClassVar[tuple[str, ...]] = tuple(_TFLITE)
    onnx: ClassVar[tuple[str, ...]] = ("Clip",)

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high):
            raise VerifyError("a bound of a clamp is not a number")

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(*_TFLITE[source.operator]), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        name = next((n for n, bounds in _TFLITE.items() if bounds == (self.low, self.high)), None)
        if name is None:
            what = f"TensorFlow Lite has no clamp to {self.low:.9g} and {self.high:.9g}"
            raise VerifyError(what, where=node.label)
        return replace(super().to_tflite(node), operator=name)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        if source.opset < 11:
            low, high = source.number("min", -math.inf), source.number("max", math.inf)
        else:
            low, high = _bound(source, 1, -math.inf), _bound(source, 2, math.inf)
        low = -math.inf if low <= -_UNBOUNDED else low
        high = math.inf if high >= _UNBOUNDED else high
        return cls(low, high), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return clip_form(node, self.low, self.high)

    def parameters(self) -> tuple[float, ...]:
        return (self.low, self.high)

    def compute(self, x: Numbers) -> Numbers:
        low, high = self.low, self.high
        if x.dtype.kind in "iu":
            info = np.iinfo(x.dtype)
            # The smallest and largest whole numbers of the interval that the type holds.
            low = info.min if low <= info.min else min(math.ceil(low), info.max)
            high = info.max if high >= info.max else max(math.floor(high), info.min)
        result: Numbers = np.minimum(np.maximum(x, x.dtype.type(low)), x.dtype.type(high))
        return result

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        clamp = self._activation()
        if clamp is not None and source == result:
            return np.clip(x, *clamp.bounds(TensorType(DType.INT8, (1,), result)))
        return super().apply(source, result, x)

    def _activation(self) -> Activation | None:
        return next((a for a in Activation if a.interval == (self.low, self.high)), None)

    def as_clamp(self, node: Node) -> Activation | None:
        return self._activation() if node.input(0).type.quant == node.output.type.quant else None

    def simplified(self, node: Node) -> Node | None:
        clamp = self.as_clamp(node)
        if clamp is Activation.RELU:
            return replace(node, op=Relu())
        return replace(node, op=Relu6()) if clamp is Activation.RELU6 else None

    def is_identity(self, node: Node) -> bool:
        unbounded = (self.low, self.high) == (-math.inf, math.inf)
        return super().is_identity(node) or (unbounded and node.input(0).type == node.output.type)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from unary_samples(cls(-1.0, 1.0), suffix="_unit")
        yield from unary_samples(cls(-0.7, 2.9))
        for id, bounds in (("n1_to_1", (-1.0, 1.0)), ("relu", (0.0, math.inf)), ("relu6", (0.0, 6.0))):
            yield sample(cls(*bounds), f"same_{id}", (0.05, 3), (0.05, 3))
        yield sample(cls(high=0.5), "below", (0.01, 3), (0.02, -5))


def _bound(source: OnnxSource, index: int, default: float) -> float:
    """The bound at an input, which must be known at compile time; ``default`` when it is absent."""
    if source.optional(index) is None:
        return default
    data = source.const(index)
    if data.size != 1:
        raise VerifyError(f"a clamp's bound has {data.size} elements, not 1")
    exact = data.reshape(-1)[0].item()
    if data.dtype.kind in "iu":
        info = np.iinfo(str(data.dtype))
        if exact in (info.min, info.max) and exact == (info.min if default < 0 else info.max):
            return default
        if int(float(exact)) != exact:
            raise VerifyError(f"a clamp's bound of {exact} is not exact in double precision")
    return float(exact)
