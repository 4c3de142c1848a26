"""PRELU: negative values are multiplied by slopes, one for each channel or element."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Sample
from microgen.ops.binary import Binary, Shape, scale_and_zero_point


@dataclass(frozen=True)
class PRelu(Binary):
    """``x`` where x ≥ 0, ``slope · x`` elsewhere; the slopes broadcast to x."""

    name: ClassVar[str] = "PRelu"
    stem: ClassVar[str] = "prelu"
    tflite: ClassVar[tuple[str, ...]] = ("PRELU",)
    onnx: ClassVar[tuple[str, ...]] = ("PRelu",)

    def infer(self, node: Node) -> tuple[tuple[DType, Shape], ...]:
        ((dtype, shape),) = super().infer(node)
        if shape != node.input(0).shape:
            raise VerifyError(f"slopes {list(node.input(1).shape)} do not broadcast to {list(node.input(0).shape)}")
        return ((dtype, shape),)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        return np.where(first >= 0, first, first * second)

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> arith.Ints:
        q = self.quant_fields(node)
        x = first + q["input_offset"]
        positive = arith.multiply_by_quantized_multiplier(x, q["positive_multiplier"], q["positive_shift"])
        product = x * (second + q["slope_offset"])
        negative = arith.multiply_by_quantized_multiplier(product, q["negative_multiplier"], q["negative_shift"])
        return arith.wrap32(np.where(x >= 0, positive, negative) + q["output_offset"])

    def quant_fields(self, node: Node) -> dict[str, int]:
        scale, zero = scale_and_zero_point(node.input(0))
        scale_slope, zero_slope = scale_and_zero_point(node.input(1))
        scale_out, zero_out = scale_and_zero_point(node.output)
        positive_multiplier, positive_shift = arith.quantize_multiplier(scale / scale_out)
        negative_multiplier, negative_shift = arith.quantize_multiplier(scale * scale_slope / scale_out)
        return {
            "input_offset": -zero,
            "slope_offset": -zero_slope,
            "output_offset": zero_out,
            "positive_multiplier": positive_multiplier,
            "positive_shift": positive_shift,
            "negative_multiplier": negative_multiplier,
            "negative_shift": negative_shift,
        }

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        image = (1, 3, 4, 5)
        for id, shape, slopes, slope, result in (
            ("channels", image, (1, 1, 5), (0.01, 3), (0.05, 3)),
            ("elements", image, (3, 4, 5), (0.01, -3), (0.04, -5)),
            ("one_slope", image, (1,), (0.01, 0), (0.05, -128)),
            ("vector", (67,), (67,), (0.003, -128), (0.05, 127)),
            ("saturating", (65,), (65,), (0.05, 0), (0.001, 3)),
            ("vanishing", (65,), (65,), (0.05, 0), (40.0, 3)),
            ("rank5", (2, 1, 3, 2, 4), (3, 1, 4), (0.01, 3), (0.05, 3)),
        ):
            kinds = [sampling.int8(shape, 0.05, 3), sampling.int8(slopes, *slope)]
            yield sampling.single(cls(), id, kinds, QuantParams.per_tensor(*result))
        data = sampling.rng("slopes").integers(-128, 128, (1, 1, 5), dtype=np.int8)
        constant = Value("slopes", sampling.int8((1, 1, 5), 0.01, 3), data)
        yield sampling.single(cls(), "constant", [sampling.int8(image), constant], QuantParams.per_tensor(0.05, 3))
        for id, shape, slopes in (("channels", image, (5,)), ("elements", image, (3, 4, 5)), ("odd", (67,), (67,))):
            yield sampling.single(cls(), f"f32_{id}", [sampling.float32(shape), sampling.float32(slopes)], None)
