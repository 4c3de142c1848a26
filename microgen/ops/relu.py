"""RELU: negative values become 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node, QuantParams
from microgen.ops.attributes import Activation
from microgen.ops.base import Sample
from microgen.ops.call import Call, Input, Int, Output
from microgen.ops.unary import NumberUnary, float_samples, int16_sample, rescale, sample


@dataclass(frozen=True)
class Relu(NumberUnary):
    """``max(x, 0)``, requantized where input and output differ."""

    name: ClassVar[str] = "Relu"
    stem: ClassVar[str] = "clip"
    tflite: ClassVar[tuple[str, ...]] = ("RELU",)
    tflite_int8: ClassVar[bool] = True
    takes_int16: ClassVar[bool] = True
    onnx: ClassVar[tuple[str, ...]] = ("Relu",)
    mindspore: ClassVar[tuple[str, ...]] = ("ReLU",)

    def parameters(self) -> tuple[float, ...]:
        return (0.0, np.inf)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.maximum(x, 0)
        return result

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        scaled = arith.wrap32(rescale(x - source.zero_point, source.scale / result.scale) + result.zero_point)
        return np.maximum(scaled, result.zero_point)

    def as_clamp(self, node: Node) -> Activation | None:
        return Activation.RELU if node.input(0).type.quant == node.output.type.quant else None

    def int16_call(self, node: Node, source: QuantParams, result: QuantParams) -> Call:
        factor = arith.quantize_multiplier(source.scale / result.scale)
        return Call("mg_relu_s16", (Input(0), Output(), Int(node.output.type.elements), *map(Int, factor)))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sample(cls(), "image", (0.05, 3), (0.05, 3), (1, 4, 5, 6))
        yield sample(cls(), "one", (0.05, 3), (0.05, 3), (1,))
        yield sample(cls(), "nothing_to_clamp", (0.05, -128), (0.05, -128))
        yield sample(cls(), "all_clamped", (0.05, 127), (0.05, 127))
        yield sample(cls(), "requantized", (0.05, 3), (0.031, -128))
        yield sample(cls(), "zero_points_high", (0.05, 127), (0.03, 127))
        yield sample(cls(), "zero_points_apart", (0.05, -128), (0.06, 127))
        yield sample(cls(), "ties_up", (0.05, -128), (0.04, -128))
        yield sample(cls(), "ties_down", (0.5, -128), (0.4, -128))
        yield sample(cls(), "saturating", (0.7, 0), (0.002, -128))
        yield sample(cls(), "vanishing", (0.0001, 0), (3.0, 5))
        yield from float_samples(cls())
        yield int16_sample(cls(), "same", 0.0002, 0.0002)
        yield int16_sample(cls(), "scaled", 0.0002, 0.00015)
