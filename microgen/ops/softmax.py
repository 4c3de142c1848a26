"""SOFTMAX: exponentials along an axis, divided by their sum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Arg, Call, Const, Float, Input, Int, Output, Struct, Target
from microgen.ops.constraints import device_arithmetic, is_int16, is_quantized, quantized_or_float, short
from microgen.ops.floats import FloatArray, computed_in
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.softmax_int16 import EXPONENT_STEP, exponentials_table, inverse_table, softmax_s16
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Differences to a row's largest value are Q5.26, sums of exponentials Q12.19.
DIFFERENCE_BITS = 5
SUM_BITS = 12
# A sum of this many exponentials of 0 leaves int32.
MAX_ROW = (1 << SUM_BITS) - 1
# A sum of this many int16 exponentials stays in 30 bits.
_MAX_ROW_INT16 = 32767


def axis_of(axis: int, shape: tuple[int, ...]) -> int:
    """``axis``, which may count from the end, as an index; VerifyError when the shape has no such axis."""
    if not shape:
        raise VerifyError("a scalar has no axis to normalize along")
    if not -len(shape) <= axis < len(shape):
        raise VerifyError(f"axis {axis} is outside of the input's {len(shape)} dimensions")
    return axis % len(shape)


def around(axis: int, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(elements before, along, behind an axis): how a kernel walks along it."""
    at = axis_of(axis, shape)
    return math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 :])


def onnx_axis(source: OnnxSource) -> int:
    """The axis of ONNX's softmax operators, which flattened all dimensions from it on before version 13."""
    axis = source.integer("axis", -1 if source.opset >= 13 else 1)
    shape = source.input(0).shape
    at = axis_of(axis, shape)
    if source.opset < 13 and math.prod(shape[at + 1 :]) != 1:
        raise VerifyError(f"before opset 13, axis {axis} of shape {list(shape)} means several axes at once")
    return at


def difference_scaling(scale: float) -> tuple[int, int, int]:
    """(multiplier, left shift, smallest difference that counts) from int8 differences of a scale to Q5.26."""
    real = scale * (1 << (31 - DIFFERENCE_BITS))
    if real >= 1 << 30:
        # A step of one already means exp(-16) or less: only the row's largest values count, and their
        # difference is 0 whatever it is multiplied by.
        return arith.INT32_MAX, 30, 0
    multiplier, shift = arith.quantize_multiplier(real)
    return multiplier, shift, -arith.input_radius(DIFFERENCE_BITS, shift)


@dataclass(frozen=True)
class Softmax(Op):
    """``exp(beta · x)`` normalized to a sum of 1, along ``axis``; beta is rounded to single precision.

    ``widens``: of an int8 input, the result is int16.
    """

    beta: float = 1.0
    axis: int = -1
    widens: bool = False

    onnx: ClassVar[tuple[str, ...]] = ("Softmax",)
    name: ClassVar[str] = "Softmax"
    tflite: ClassVar[tuple[str, ...]] = ("SOFTMAX",)
    tflite_options: ClassVar[str | None] = "SoftmaxOptions"

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", float(np.float32(self.beta)))

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        beta = source.option("Beta")
        assert isinstance(beta, float)
        kinds = [value.type.dtype for value in (source.input(0), *source.outputs[:1])]
        return cls(beta, widens=kinds == [DType.INT8, DType.INT16]), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if axis_of(self.axis, node.output.shape) != len(node.output.shape) - 1:
            raise VerifyError("TensorFlow Lite normalizes along the last axis only", where=node.label)
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, {"Beta": self.beta}, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(axis=onnx_axis(source)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        if self.beta != 1.0:
            raise VerifyError("ONNX has no softmax with a factor", where=node.label)
        return OnnxForm(self.onnx[0], node.inputs, {"axis": self.axis})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        axis_of(self.axis, source.shape)
        return ((DType.INT16 if self.widens else source.type.dtype, source.shape),)

    @constraint
    def tensors(self, node: Node) -> str | None:
        """input and output are int8 with quantization parameters, one scale each, int16 with zero point 0, int8 and \
int16, or of one floating-point type
        """
        if self.widens and (node.input(0).type.dtype is not DType.INT8 or not is_quantized(node)):
            return f"{short(node.input(0))} is {node.input(0).type}"
        results = () if self.widens else (node.output,)
        return quantized_or_float(node, (node.input(0), *results), int16=True)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """tensors are quantized or float32"""
        return device_arithmetic(node.input(0))

    @constraint
    def last_axis_int16(self, node: Node) -> str | None:
        """the axis of an int16 tensor is the last one"""
        if not (is_int16(node) or self.widens) or around(self.axis, node.output.shape)[2] == 1:
            return None
        return f"it is {self.axis}"

    @constraint
    def output_range(self, node: Node) -> str | None:
        """an int8 output has scale 1/256 and zero point -128, an int16 one scale 1/32768, or of an int8 input \
1/65536 within 0.1 % and zero point -32768
        """
        quant = node.output.type.quant
        if self.widens:
            # Converters write 1/65535 as well; the values are the same.
            near = quant is not None and quant.is_per_tensor and abs(quant.scale * 2.0**16 - 1.0) <= 0.001
            return None if near and quant is not None and quant.zero_points == (-32768,) else f"it has {quant}"
        if is_int16(node):
            return None if quant is None or quant.scale == 2.0**-15 else f"it has {quant}"
        if quant is None or (quant.scales, quant.zero_points) == ((1 / 256,), (-128,)):
            return None
        return f"it has {quant}"

    @constraint
    def positive_beta(self, node: Node) -> str | None:
        """with an int8 input, beta is positive, and beta times the input scale is above 2^-26; with an int16 one it \
is below 1
        """
        quant = node.input(0).type.quant
        if quant is None or not quant.is_per_tensor:
            return None
        factor = self.beta * quant.scale
        if 0.0 < factor < 1.0 if is_int16(node) else math.isfinite(factor) and factor * 2.0**26 > 1.0:
            return None
        return f"beta is {self.beta:.9g}, the input scale {quant.scale:.9g}"

    @constraint
    def row_length(self, node: Node) -> str | None:
        """the axis of an int8 tensor has at most 4095 elements, that of an int16 one 32767"""
        length = around(self.axis, node.output.shape)[1]
        limit = _MAX_ROW_INT16 if is_int16(node) else MAX_ROW
        return None if not is_quantized(node) or length <= limit else f"it has {length}"

    def scaling(self, node: Node) -> tuple[int, int, int]:
        """(multiplier, left shift, smallest difference that counts) from int8 differences to Q5.26."""
        quant = node.input(0).type.quant
        assert quant is not None
        return difference_scaling(self.beta * quant.scale)

    def scaling_int16(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from int16 differences to steps of the exponentials' table."""
        quant = node.input(0).type.quant
        assert quant is not None
        return arith.quantize_multiplier(quant.scale * self.beta / EXPONENT_STEP)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        source = inputs[0]
        assert source is not None
        axis = axis_of(self.axis, node.output.shape) - len(node.output.shape)
        if not is_quantized(node):
            return [self._evaluate_float(source, axis, node.output.type.dtype)]
        if is_int16(node):
            rows = np.moveaxis(source, axis, -1).astype(np.int64)
            return [np.moveaxis(softmax_s16(rows, *self.scaling_int16(node)), -1, axis).astype(np.int16)]
        multiplier, shift, smallest = self.scaling(node)
        # The exponential of every possible difference, 0 down to -255.
        differences = -np.arange(256, dtype=np.int64)
        scaled = arith.multiply_by_quantized_multiplier(differences, multiplier, shift)
        counts = differences >= smallest
        exponentials = np.where(counts, arith.exp_on_negative_values(np.minimum(scaled, 0), DIFFERENCE_BITS), 0)
        terms = np.where(counts, arith.rounding_divide_by_pot(exponentials, SUM_BITS), 0)

        x = source.astype(np.int64)
        below = x.max(axis=axis, keepdims=True) - x
        sums = terms[below].sum(axis=axis, keepdims=True)
        # The largest value adds 2^19, so a sum has 20 to 31 bits; frexp's exponent is their number.
        zeros = 32 - np.frexp(sums.astype(np.float64))[1].astype(np.int64)
        reciprocals = arith.one_over_one_plus_x((sums << zeros) - (1 << 31))
        products = arith.saturating_rounding_doubling_high_mul(reciprocals, exponentials[below])
        kind = node.output.type.dtype
        low, high = kind.limits
        exponents = SUM_BITS - zeros + 31 - 8 * kind.size
        # From an exponent of 32 on (sums of 512 and more in int8) every share rounds to 0.
        shares = np.where(exponents > 31, 0, arith.rounding_divide_by_pot(products, np.minimum(exponents, 31)))
        result = np.where(counts[below], np.clip(shares + low, low, high), low)
        return [result.astype(kind.numpy)]

    def _evaluate_float(self, source: Array, axis: int, dtype: DType) -> Array:
        x: FloatArray = source.astype(computed_in(dtype))
        with np.errstate(invalid="ignore", over="ignore"):  # rows of infinities have no meaningful result
            powers = np.exp((x - x.max(axis=axis, keepdims=True)) * x.dtype.type(self.beta))
            return np.asarray(powers / powers.sum(axis=axis, keepdims=True), dtype.numpy)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        outer, size, inner = around(self.axis, node.output.shape)
        strides = (Int(outer), Int(size), Int(inner))
        if not is_quantized(node):
            return (Call("mg_softmax_f32", (Input(0), *strides, Float(self.beta), Output())),)
        if is_int16(node):
            tables = Struct(
                "cmsis_nn_softmax_lut_s16",
                (
                    ("exp_lut", Const("exp", exponentials_table())),
                    ("one_by_one_lut", Const("inverse", inverse_table())),
                ),
            )
            factor = tuple(map(Int, self.scaling_int16(node)))
            return (Call("arm_softmax_s16", (Input(0), Int(outer), Int(size), *factor, tables, Output())),)
        scaling: tuple[Arg, ...] = tuple(map(Int, self.scaling(node)))
        if self.widens:
            return (Call("arm_softmax_s8_s16", (Input(0), Int(outer), Int(size), *scaling, Output())),)
        if inner == 1:
            return (Call("arm_softmax_s8", (Input(0), Int(outer), Int(size), *scaling, Output())),)
        return (Call("mg_softmax_axis_s8", (Input(0), *strides, *scaling, Output())),)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(output=QuantParams.per_tensor(1 / 256, -128))

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axis = permutation.index(axis_of(self.axis, node.output.shape))
        if (is_int16(node) or self.widens) and axis != len(permutation) - 1:
            return None
        return Permuted(replace(self, axis=axis), (permutation,), (permutation,))

    def in_place(self, node: Node) -> tuple[int, ...]:
        # A row is read twice before its outputs are written, each after the input in its place.
        return () if self.widens else (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, ...],
            scale: float = 0.1,
            zero_point: int = 3,
            beta: float = 1.0,
            axis: int = -1,
        ) -> Sample:
            output = QuantParams.per_tensor(1 / 256, -128)
            return sampling.single(cls(beta, axis), id, [sampling.int8(shape, scale, zero_point)], output)

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
        yield make("axis_0", (7, 5), axis=0)
        yield make("axis_1", (2, 6, 3, 4), 0.03, axis=1)
        yield make("axis_-2", (3, 8, 5), 0.2, -128, axis=-2)
        yield make("axis_before_ones", (2, 9, 1, 1), axis=1)

        def wide(id: str, shape: tuple[int, ...], scale: float, beta: float = 1.0) -> Sample:
            return sampling.single(
                cls(beta), f"i16_{id}", [sampling.int16(shape, scale)], QuantParams.per_tensor(2.0**-15, 0)
            )

        yield wide("classes", (3, 10), 0.0002)
        yield wide("image", (1, 2, 3, 65), 0.00005, 1.5)
        yield wide("coarse", (2, 300), 0.01)
        yield wide("one", (2, 1), 0.001)
        widened = QuantParams.per_tensor(2.0**-16, -32768)
        for id, shape, scale in (("s8_s16", (3, 10), 0.07), ("s8_s16_long_row", (2, 300), 0.9)):
            yield sampling.single(cls(widens=True), id, [sampling.int8(shape, scale, 2)], widened)

        def plain(id: str, shape: tuple[int, ...], axis: int = -1, beta: float = 1.0) -> Sample:
            return sampling.single(cls(beta, axis), f"f32_{id}", [sampling.float32(shape)], None)

        yield plain("classes", (1, 10))
        yield plain("one_class", (3, 1))
        yield plain("vector", (12,))
        yield plain("image", (1, 3, 4, 5))
        yield plain("long_row", (2, 300))
        yield plain("beta", (4, 9), beta=0.3)
        yield plain("negative_beta", (4, 9), beta=-1.5)
        yield plain("axis_0", (7, 5), 0)
        yield plain("axis_1", (2, 6, 3, 4), 1)
        yield plain("axis_-2", (3, 8, 5), -2)
