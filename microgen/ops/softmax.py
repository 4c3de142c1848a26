"""SOFTMAX: exponentials along the last axis, divided by their sum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.constraints import quantized_int8
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Differences to a row's largest value are Q5.26, sums of exponentials Q12.19.
_DIFFERENCE_BITS = 5
_SUM_BITS = 12
# A sum of this many exponentials of 0 leaves int32.
_MAX_ROW = (1 << _SUM_BITS) - 1


@dataclass(frozen=True)
class Softmax(Op):
    """``exp(beta · x)`` normalized to a sum of 1, along the last axis; beta is rounded to single precision."""

    beta: float = 1.0

    name: ClassVar[str] = "Softmax"
    tflite: ClassVar[tuple[str, ...]] = ("SOFTMAX",)
    tflite_options: ClassVar[str | None] = "SoftmaxOptions"

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", float(np.float32(self.beta)))

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        beta = source.option("Beta")
        assert isinstance(beta, float)
        return cls(beta), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, {"Beta": self.beta}, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if not source.shape:
            raise VerifyError("a scalar has no axis to normalize along")
        return ((source.type.dtype, source.shape),)

    @constraint
    def int8_tensors(self, node: Node) -> str | None:
        """input and output are int8 with quantization parameters, one scale each"""
        return quantized_int8(node, (node.input(0), node.output))

    @constraint
    def output_range(self, node: Node) -> str | None:
        """the output has scale 1/256 and zero point -128"""
        quant = node.output.type.quant
        if quant is None or (quant.scales, quant.zero_points) == ((1 / 256,), (-128,)):
            return None
        return f"it has {quant}"

    @constraint
    def positive_beta(self, node: Node) -> str | None:
        """beta is positive, and beta times the input scale is above 2^-26"""
        quant = node.input(0).type.quant
        if quant is None or not quant.is_per_tensor:
            return None
        factor = self.beta * quant.scale
        if math.isfinite(factor) and factor * 2.0**26 > 1.0:
            return None
        return f"beta is {self.beta:.9g}, the input scale {quant.scale:.9g}"

    @constraint
    def row_length(self, node: Node) -> str | None:
        """the last axis has at most 4095 elements"""
        length = node.input(0).shape[-1]
        return None if length <= _MAX_ROW else f"it has {length}"

    def scaling(self, node: Node) -> tuple[int, int, int]:
        """(multiplier, left shift, smallest difference that counts) from int8 differences to Q5.26."""
        quant = node.input(0).type.quant
        assert quant is not None
        real = self.beta * quant.scale * (1 << (31 - _DIFFERENCE_BITS))
        if real >= 1 << 30:
            # A step of one already means exp(-16) or less: only the row's largest values count, and their
            # difference is 0 whatever it is multiplied by.
            return arith.INT32_MAX, 30, 0
        multiplier, shift = arith.quantize_multiplier(real)
        return multiplier, shift, -arith.input_radius(_DIFFERENCE_BITS, shift)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        multiplier, shift, smallest = self.scaling(node)
        # The exponential of every possible difference, 0 down to -255.
        differences = -np.arange(256, dtype=np.int64)
        scaled = arith.multiply_by_quantized_multiplier(differences, multiplier, shift)
        counts = differences >= smallest
        exponentials = np.where(counts, arith.exp_on_negative_values(np.minimum(scaled, 0), _DIFFERENCE_BITS), 0)
        terms = np.where(counts, arith.rounding_divide_by_pot(exponentials, _SUM_BITS), 0)

        x = source.astype(np.int64)
        below = x.max(axis=-1, keepdims=True) - x
        sums = terms[below].sum(axis=-1, keepdims=True)
        # The largest value adds 2^19, so a sum has 20 to 31 bits; frexp's exponent is their number.
        zeros = 32 - np.frexp(sums.astype(np.float64))[1].astype(np.int64)
        reciprocals = arith.one_over_one_plus_x((sums << zeros) - (1 << 31))
        products = arith.saturating_rounding_doubling_high_mul(reciprocals, exponentials[below])
        exponents = _SUM_BITS - zeros + 31 - 8
        # From an exponent of 32 on (sums of 512 and more) every share rounds to 0.
        shares = np.where(exponents > 31, 0, arith.rounding_divide_by_pot(products, np.minimum(exponents, 31)))
        result = np.where(counts[below], np.clip(shares - 128, -128, 127), -128)
        return [result.astype(np.int8)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        source = node.input(0).type
        row = source.shape[-1]
        numbers = (source.elements // row, row, *self.scaling(node))
        return (Call("arm_softmax_s8", (Input(0), *map(Int, numbers), Output())),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        # A row is read twice before its outputs are written, each after the input in its place.
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], scale: float = 0.1, zero_point: int = 3, beta: float = 1.0) -> Sample:
            output = QuantParams.per_tensor(1 / 256, -128)
            return sampling.single(cls(beta), id, [sampling.int8(shape, scale, zero_point)], output)

        yield make("classes", (1, 10))
        yield make("one_class", (3, 1))
        yield make("two_classes", (5, 2), 0.02)
        yield make("vector", (12,))
        yield make("image", (1, 3, 4, 5))
        yield make("rank6", (1, 2, 1, 2, 2, 7))
        yield make("many_rows", (65, 3))
        yield make("long_row", (2, 300), 0.3)
        yield make("zero_point_low", (4, 9), zero_point=-128)
        yield make("zero_point_high", (4, 9), zero_point=127)
        yield make("beta", (4, 9), beta=0.3)
        yield make("large_beta", (4, 9), beta=7.5)
        for exponent in (-20, -12, -8, -6, -4, -3, -2, -1, 0, 1, 3, 4, 5):
            yield make(f"scale_2e{exponent}", (6, 17), 1.37 * 2.0**exponent)
