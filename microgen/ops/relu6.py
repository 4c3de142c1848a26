"""RELU6: a clamp to the real interval from 0 to 6."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import DType, Node, QuantParams, TensorType
from microgen.ops.attributes import Activation
from microgen.ops.base import Sample, constraint
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.quantization import QuantRule
from microgen.ops.unary import NumberUnary, clip_form, float_samples, int16_sample, sample


@dataclass(frozen=True)
class Relu6(NumberUnary):
    """``min(max(x, 0), 6)``."""

    name: ClassVar[str] = "Relu6"
    stem: ClassVar[str] = "clip"
    tflite: ClassVar[tuple[str, ...]] = ("RELU6",)
    tflite_int8: ClassVar[bool] = True
    takes_int16: ClassVar[bool] = True
    mindspore: ClassVar[tuple[str, ...]] = ("ReLU6",)

    def to_onnx(self, node: Node) -> OnnxForm:
        return clip_form(node, 0, 6)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def parameters(self) -> tuple[float, ...]:
        return (0.0, 6.0)

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.clip(x, 0, 6)
        return result

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale and zero point (TensorFlow Lite Micro disregards the output's)"""
        source, result = node.input(0).type.quant, node.output.type.quant
        return None if source == result or None in (source, result) else f"they have {source} and {result}"

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        return np.clip(x, *Activation.RELU6.bounds(TensorType(DType.INT8, (1,), result)))

    def apply_int16(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        return np.clip(x, *Activation.RELU6.bounds(TensorType(DType.INT16, (1,), result)))

    def as_clamp(self, node: Node) -> Activation | None:
        return Activation.RELU6

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, scale: float, zero_point: int, shape: tuple[int, ...] = (16, 17)) -> Sample:
            return sample(cls(), id, (scale, zero_point), (scale, zero_point), shape)

        yield make("image", 0.05, 3, (1, 4, 5, 6))
        yield make("one", 0.05, 3, (1,))
        yield make("zero_point_low", 0.05, -128)
        yield make("zero_point_high", 0.05, 127)
        yield make("exact_range", 6 / 255, -128)
        yield make("below_six", 0.001, -128)
        yield make("six_is_half_a_step", 12.0, 7)
        yield make("six_vanishes", 100.0, 7)
        yield from float_samples(cls())
        yield int16_sample(cls(), "same", 0.0003, 0.0003)
