"""LEAKY_RELU: negative values are multiplied by a slope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node, QuantParams, Value
from microgen.ops.base import Op, Sample
from microgen.ops.call import Call, Input, Int, Output
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource
from microgen.ops.unary import Unary, float_samples, int16_sample, rescale, sample


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """``x`` where x ≥ 0, ``alpha · x`` elsewhere; alpha is rounded to single precision."""

    alpha: float = 0.0

    name: ClassVar[str] = "LeakyRelu"
    stem: ClassVar[str] = "leaky_relu"
    tflite: ClassVar[tuple[str, ...]] = ("LEAKY_RELU",)
    tflite_int8: ClassVar[bool] = True
    takes_int16: ClassVar[bool] = True
    tflite_options: ClassVar[str | None] = "LeakyReluOptions"
    onnx: ClassVar[tuple[str, ...]] = ("LeakyRelu",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", float(np.float32(self.alpha)))

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        alpha = source.option("Alpha")
        assert isinstance(alpha, float)
        return cls(alpha), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, {"Alpha": self.alpha}, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.number("alpha", 0.01)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("LeakyRelu", node.inputs, {"alpha": self.alpha})

    def parameters(self) -> tuple[float, ...]:
        return (self.alpha,)

    def compute(self, x: Numbers) -> Numbers:
        return np.where(x >= 0, x, self.alpha * x)

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        slope = source.scale * self.alpha / result.scale
        centred = x - source.zero_point
        positive = rescale(centred, source.scale / result.scale)
        negative = rescale(centred, abs(slope)) * (-1 if slope < 0 else 1)
        return arith.wrap32(np.where(centred >= 0, positive, negative) + result.zero_point)

    def int16_call(self, node: Node, source: QuantParams, result: QuantParams) -> Call:
        slope = source.scale * self.alpha / result.scale
        factors = (*arith.quantize_multiplier(source.scale / result.scale), *arith.quantize_multiplier(abs(slope)))
        size = Int(node.output.type.elements)
        return Call("mg_leaky_relu_s16", (Input(0), Output(), size, *map(Int, factors), Int(-1 if slope < 0 else 1)))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sample(cls(0.1), "image", (0.05, 3), (0.05, 3), (1, 4, 5, 6))
        yield sample(cls(0.1), "one", (0.05, 3), (0.05, 3), (1,))
        for alpha in (0.0, 0.01, 0.2, 0.5, 1.0, 1.7, -0.3, -2.0):
            yield sample(cls(alpha), f"alpha_{alpha}", (0.05, 3), (0.04, -11))
        yield sample(cls(0.3), "zero_points_low", (0.05, -128), (0.05, -128))
        yield sample(cls(0.3), "zero_points_high", (0.05, 127), (0.05, 127))
        yield sample(cls(0.3), "zero_points_apart", (0.05, 127), (0.02, -128))
        yield sample(cls(1.0), "ties_up", (0.05, 0), (0.04, 0))
        yield sample(cls(1.0), "ties_down", (0.5, 0), (0.4, 0))
        yield sample(cls(0.3), "saturating", (0.7, 0), (0.002, 5))
        yield sample(cls(0.3), "vanishing", (0.0001, 0), (3.0, 5))
        yield from float_samples(cls(0.1))
        yield from float_samples(cls(-2.0), "_negative")
        yield int16_sample(cls(0.3), "same", 0.0002, 0.0002)
        yield int16_sample(cls(0.1), "scaled", 0.0002, 0.00015)
        yield int16_sample(cls(-1.7), "negative", 0.0002, 0.0003, (1, 1, 7, 3))
