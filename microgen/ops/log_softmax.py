"""LOG_SOFTMAX: the logarithm of the softmax along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.constraints import device_arithmetic, is_quantized, quantized_or_float
from microgen.ops.floats import computed_in
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.softmax import DIFFERENCE_BITS, MAX_ROW, SUM_BITS, around, axis_of, difference_scaling, onnx_axis
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Outputs have 4 integer bits: 16 / 256.
_OUTPUT_BITS = 4
_OUTPUT = QuantParams.per_tensor(16 / 256, 127)


@dataclass(frozen=True)
class LogSoftmax(Op):
    """``x - log(sum(exp(x)))`` along ``axis``."""

    axis: int = -1

    name: ClassVar[str] = "LogSoftmax"
    tflite: ClassVar[tuple[str, ...]] = ("LOG_SOFTMAX",)
    tflite_options: ClassVar[str | None] = "LogSoftmaxOptions"
    onnx: ClassVar[tuple[str, ...]] = ("LogSoftmax",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if axis_of(self.axis, node.output.shape) != len(node.output.shape) - 1:
            raise VerifyError("TensorFlow Lite normalizes along the last axis only", where=node.label)
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(onnx_axis(source)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm(self.onnx[0], node.inputs, {"axis": self.axis})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        axis_of(self.axis, source.shape)
        return ((source.type.dtype, source.shape),)

    @constraint
    def tensors(self, node: Node) -> str | None:
        """input and output are int8 with quantization parameters, one scale each, or of one floating-point type"""
        return quantized_or_float(node, (node.input(0), node.output))

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are quantized int8 or float32"""
        return device_arithmetic(node.input(0))

    @constraint
    def output_range(self, node: Node) -> str | None:
        """an int8 output has scale 16/256 and zero point 127"""
        quant = node.output.type.quant
        if quant is None or (quant.scales, quant.zero_points) == (_OUTPUT.scales, _OUTPUT.zero_points):
            return None
        return f"it has {quant}"

    @constraint
    def scale(self, node: Node) -> str | None:
        """the scale of an int8 input is above 2^-26"""
        quant = node.input(0).type.quant
        if quant is None or not quant.is_per_tensor or quant.scale * 2.0**26 > 1.0:
            return None
        return f"it is {quant.scale:.9g}"

    @constraint
    def row_length(self, node: Node) -> str | None:
        """the axis of an int8 tensor has at most 4095 elements"""
        length = around(self.axis, node.output.shape)[1]
        return None if not is_quantized(node) or length <= MAX_ROW else f"it has {length}"

    def scaling(self, node: Node) -> tuple[int, int, int, int, int]:
        """From int8 differences to Q5.26 and what counts of them, as ``Softmax.scaling``; (multiplier, shift) back."""
        quant = node.input(0).type.quant
        assert quant is not None
        multiplier, shift, smallest = difference_scaling(quant.scale)
        return multiplier, shift, smallest, *arith.quantize_multiplier(2.0 ** (31 - shift) / multiplier)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        axis = axis_of(self.axis, node.output.shape) - len(node.output.shape)
        if not is_quantized(node):
            return [self._evaluate_float(source, axis, node.output.type.dtype)]
        multiplier, shift, smallest, back, back_shift = self.scaling(node)
        # The exponential of every possible difference, 0 down to -255.
        differences = -np.arange(256, dtype=np.int64)
        scaled = arith.multiply_by_quantized_multiplier(differences, multiplier, shift)
        exponentials = arith.exp_on_negative_values(np.minimum(scaled, 0), DIFFERENCE_BITS)
        terms = np.where(differences >= smallest, arith.rounding_divide_by_pot(exponentials, SUM_BITS), 0)

        x = source.astype(np.int64)
        below = x.max(axis=axis, keepdims=True) - x
        logarithms = arith.log_from_one(terms[below].sum(axis=axis, keepdims=True), SUM_BITS)
        # What is below this leaves Q5.26 when the logarithm is taken away.
        lowest = arith.multiply_by_quantized_multiplier(logarithms + arith.INT32_MIN, back, back_shift)
        counts = -below > np.maximum(smallest - 1, lowest)
        results = arith.rounding_divide_by_pot(scaled[below] - logarithms, 31 - DIFFERENCE_BITS - _OUTPUT_BITS) + 127
        return [np.where(counts, np.clip(results, -128, 127), -128).astype(np.int8)]

    def _evaluate_float(self, source: Array, axis: int, dtype: DType) -> Array:
        x = source.astype(computed_in(dtype))
        with np.errstate(invalid="ignore", over="ignore"):  # rows of infinities have no meaningful result
            below = x - x.max(axis=axis, keepdims=True)
            return np.asarray(below - np.log(np.exp(below).sum(axis=axis, keepdims=True)), dtype.numpy)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(output=_OUTPUT)

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axis = permutation.index(axis_of(self.axis, node.output.shape))
        return Permuted(replace(self, axis=axis), (permutation,), (permutation,))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        strides = map(Int, around(self.axis, node.output.shape))
        if not is_quantized(node):
            return (Call("mg_log_softmax_f32", (Input(0), *strides, Output())),)
        return (Call("mg_log_softmax_s8", (Input(0), *strides, *map(Int, self.scaling(node)), Output())),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        # A row is read before its outputs are written, each after the input in its place.
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], scale: float = 0.1, zero_point: int = 3, axis: int = -1) -> Sample:
            return sampling.single(cls(axis), id, [sampling.int8(shape, scale, zero_point)], _OUTPUT)

        yield make("classes", (1, 10))
        yield make("one_class", (3, 1))
        yield make("two_classes", (5, 2), 0.02)
        yield make("vector", (12,))
        yield make("image", (1, 3, 4, 5))
        yield make("long_row", (2, 300), 0.3)
        yield make("zero_point_low", (4, 9), zero_point=-128)
        yield make("axis_0", (7, 5), axis=0)
        yield make("axis_1", (2, 6, 3, 4), 0.03, axis=1)
        for exponent in (-20, -12, -8, -6, -4, -3, -2, -1, 0, 1, 3, 4, 5):
            yield make(f"scale_2e{exponent}", (6, 17), 1.37 * 2.0**exponent)

        def plain(id: str, shape: tuple[int, ...], axis: int = -1) -> Sample:
            return sampling.single(cls(axis), f"f32_{id}", [sampling.float32(shape)], None)

        yield plain("classes", (1, 10))
        yield plain("one_class", (3, 1))
        yield plain("image", (1, 3, 4, 5))
        yield plain("long_row", (2, 300))
        yield plain("axis_0", (7, 5), 0)
        yield plain("axis_1", (2, 6, 3, 4), 1)
