"""RSQRT: one over the square root."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import Node, QuantParams
from microgen.ops.base import Sample
from microgen.ops.call import Call, Input, Int, Output
from microgen.ops.onnx_form import OnnxForm, constant_input
from microgen.ops.unary import Unary, float_samples, int16_sample, sample

# Of a root before it is brought to the output's scale.
_FRACTION_BITS = 20


@dataclass(frozen=True)
class Rsqrt(Unary):
    """``1 / √x``; not a number below 0. In int8, numbers below 0 give the zero point."""

    name: ClassVar[str] = "Rsqrt"
    stem: ClassVar[str] = "rsqrt"
    tflite: ClassVar[tuple[str, ...]] = ("RSQRT",)
    tflite_int8: ClassVar[bool] = True
    takes_int16: ClassVar[bool] = True
    mindspore: ClassVar[tuple[str, ...]] = ("Rsqrt",)

    def to_onnx(self, node: Node) -> OnnxForm:
        exponent = constant_input(f"{node.output.name}/exponent", np.array(-0.5, node.input(0).type.dtype.numpy))
        return OnnxForm("Pow", (node.input(0), exponent))

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = 1 / np.sqrt(x)
        return result

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        return self._roots(source, result, x, 127)

    def apply_int16(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        values, places = np.unique(x, return_inverse=True)
        return self._roots(source, result, values, 32767)[places].reshape(x.shape)

    def _roots(self, source: QuantParams, result: QuantParams, x: arith.Ints, largest: int) -> arith.Ints:
        multiplier, shift = _factor(source, result)

        def one(centred: int) -> int:
            # The reference refuses negative numbers when it meets them.
            if centred < 0:
                return result.zero_point
            if centred == 0:
                return largest
            inverse, bits = inverse_root(centred)
            unit = np.array(1, np.int64)
            root = arith.multiply_by_quantized_multiplier(unit, inverse, bits + _FRACTION_BITS)
            scaled = arith.multiply_by_quantized_multiplier(root, multiplier, shift)
            return int(arith.wrap32(scaled + result.zero_point))

        return np.array([one(int(v) - source.zero_point) for v in x], np.int64)

    def int16_call(self, node: Node, source: QuantParams, result: QuantParams) -> Call:
        return Call(
            "mg_rsqrt_s16", (Input(0), Output(), Int(node.output.type.elements), *map(Int, _factor(source, result)))
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sample(cls(), "image", (0.03, -2), (0.04, -3), (1, 4, 5, 6))
        yield sample(cls(), "one", (0.03, -128), (0.04, 5), (1,))
        yield sample(cls(), "zero_point_0", (0.03, 0), (0.04, 127))
        yield from float_samples(cls())
        yield int16_sample(cls(), "image", 0.0002, 0.01)
        for scale in (0.001, 0.01, 0.3, 1.0, 5.0):
            yield sample(cls(), f"scale_{scale}", (scale, -128), (0.004 / scale**0.5, -100))


def _factor(source: QuantParams, result: QuantParams) -> tuple[int, int]:
    """(multiplier, shift) of a root with ``_FRACTION_BITS`` fractional bits; ValueError when out of range."""
    multiplier, shift = arith.quantize_multiplier(1.0 / (math.sqrt(source.scale) * result.scale))
    shift -= _FRACTION_BITS
    if shift < -31:
        raise ValueError(f"the output scale {result.scale:.9g} is too large for roots of {source.scale:.9g}")
    return multiplier, shift


def inverse_root(x: int) -> tuple[int, int]:
    """(multiplier, shift) of ``1 / √x`` for x from 0, which counts as 1, to 2^31 - 1: the reference's Newton-Raphson
    iteration.
    """
    if x <= 1:
        return arith.INT32_MAX, 0
    halvings = 0
    while x >= 1 << 29:
        x //= 4
        halvings += 1
    # x · 4^pairs lies between 2^27 and 2^29.
    pairs = (31 - x.bit_length()) // 2 - 1
    multiplier, shift = _newton(x << 2 * pairs), pairs - halvings - 11
    return (multiplier << shift, 0) if shift > 0 else (multiplier, shift)


def _newton(x: int) -> int:
    """``√(2^28 / x)`` in Q3.28, for x from 2^27 to 2^29."""

    def product(a: int, b: int) -> int:
        return int(arith.saturating_rounding_doubling_high_mul(np.array(a, np.int64), b))

    def shifted(a: int, bits: int) -> int:
        return int(arith.saturating_left_shift(np.array(a, np.int64), bits))

    half = int(arith.rounding_divide_by_pot(np.array(x >> 1, np.int64), 1))
    estimate = 1 << 28
    for _ in range(5):
        cube = shifted(product(product(estimate, estimate), estimate), 6)
        estimate = shifted(product((1 << 28) + (1 << 27), estimate) - product(half, cube), 3)
    return product(estimate, 1518500250)
