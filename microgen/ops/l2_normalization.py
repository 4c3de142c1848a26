"""L2_NORMALIZATION: vectors brought to length 1."""

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
from microgen.ops.attributes import Activation
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.constraints import device_arithmetic, fused_activation, is_quantized, quantized_or_float
from microgen.ops.floats import FloatArray, computed_in
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.quantization import QuantRule
from microgen.ops.rsqrt import inverse_root
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Results in int8 are multiples of 2^-7.
_FRACTION_BITS = 7
_RESULT = QuantParams.per_tensor(2.0**-_FRACTION_BITS, 0)
# Longer vectors may leave 32 bits.
_MOST_QUANTIZED = 1 << 15
# The least length that floats are divided by.
_EPSILON = 1e-6


@dataclass(frozen=True)
class L2Normalization(Op):
    """The vectors along the last dimension, divided by their lengths."""

    name: ClassVar[str] = "L2Normalization"
    tflite: ClassVar[tuple[str, ...]] = ("L2_NORMALIZATION",)
    tflite_options: ClassVar[str | None] = "L2NormOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        activation = fused_activation(source)
        if activation is not Activation.NONE:
            raise VerifyError(f"fused activation {activation.value} is not supported behind a normalization")
        return cls(), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, version=2)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("LpNormalization", node.inputs, {"axis": -1, "p": 2})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if not source.shape:
            raise VerifyError("a single number is no vector")
        return ((source.type.dtype, source.shape),)

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """input and output are floating-point numbers, or int8 with quantization parameters, one scale each"""
        return quantized_or_float(node, (node.input(0), node.output))

    @constraint
    def result_scale(self, node: Node) -> str | None:
        """the scale of int8 results is 1/128, their zero point 0, and vectors have at most 32768 elements"""
        if not is_quantized(node):
            return None
        if node.output.type.quant != _RESULT:
            return f"{node.output.type.quant}"
        size = node.input(0).shape[-1]
        return f"they have {size}" if size > _MOST_QUANTIZED else None

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """input and output are float32 or quantized int8"""
        return device_arithmetic(node.input(0))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x = inputs[0]
        assert x is not None
        if not is_quantized(node):
            exact: FloatArray = x.astype(computed_in(node.output.type.dtype), copy=False)
            lengths = np.sqrt((exact * exact).sum(axis=-1, keepdims=True, dtype=exact.dtype))
            return [(exact / np.maximum(lengths, exact.dtype.type(_EPSILON))).astype(x.dtype)]
        quant = node.input(0).type.quant
        assert quant is not None
        rows = x.reshape(-1, x.shape[-1]).astype(np.int64) - quant.zero_point
        factors = np.array([inverse_root(int(n)) for n in (rows * rows).sum(axis=1)], np.int64)
        shifts = factors[:, 1:] + _FRACTION_BITS
        scaled = arith.multiply_by_quantized_multiplier(rows, factors[:, :1], shifts)
        return [np.clip(scaled, -128, 127).astype(np.int8).reshape(x.shape)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        shape = node.input(0).shape
        sizes = (Int(math.prod(shape[:-1])), Int(shape[-1]))
        quant = node.input(0).type.quant
        if quant is None:
            return (Call("mg_l2_normalization_f32", (Input(0), Output(), *sizes)),)
        return (Call("mg_l2_normalization_s8", (Input(0), Output(), *sizes, Int(-quant.zero_point))),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        # A vector is read as a whole before its first element is written.
        return (0,)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(output=_RESULT)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(), "image", [sampling.int8((1, 3, 4, 5))], _RESULT)
        yield sampling.single(cls(), "numbers", [sampling.int8((67, 1), 0.5, -1)], _RESULT)
        yield sampling.single(cls(), "pairs", [sampling.int8((40, 2), 0.5, 0)], _RESULT)
        yield sampling.single(cls(), "zero_point_low", [sampling.int8((3, 20), 0.01, -128)], _RESULT)
        # Sums of squares of 2^29 and more.
        yield sampling.single(cls(), "long", [sampling.int8((1, 10000), 0.01, 127)], _RESULT)
        for id, shape in (("image", (1, 3, 4, 5)), ("vector", (67,)), ("numbers", (9, 1))):
            yield sampling.single(cls(), f"f32_{id}", [sampling.float32(shape)], None)
