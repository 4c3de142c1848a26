"""What functions of one tensor share: NumPy's arithmetic, the kernels in single precision, and for int8 a table of
all 256 results that is computed at compile time.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Const, Float, Input, Int, Output, Target
from microgen.ops.constraints import (
    device_arithmetic,
    is_int16,
    is_quantized,
    quantized_or_float,
    quantized_or_plain,
    short,
    suffix,
)
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Unary(Op):
    """An elementwise function of a floating-point or quantized int8 tensor.

    The int8 result is the function of what the input stands for in single precision, rounded to the nearest step,
    halves away from zero, unless the operator says otherwise; a result that is not a number becomes the zero point.
    """

    #: The kernel's name without ``mg_`` and ``_f32``.
    stem: ClassVar[str]
    #: Whether there is an int8 form.
    quantizes: ClassVar[bool] = True
    #: Whether TensorFlow Lite Micro has the operator in int8.
    tflite_int8: ClassVar[bool] = False
    #: Whether there is an int16 form, as in TensorFlow Lite Micro.
    takes_int16: ClassVar[bool] = False

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if is_quantized(node) and not self.tflite_int8:
            raise VerifyError(f"TensorFlow Lite Micro has no {self.name} in int8", where=node.label)
        return super().to_tflite(node)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0),)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        return ((source.type.dtype, source.shape),)

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """input and output are floating-point numbers, or int8 with quantization parameters, one scale each, or, \
where TensorFlow Lite Micro has it, int16 with zero point 0
        """
        if not self.quantizes and is_quantized(node):
            return f"{short(node.input(0))} is quantized"
        return quantized_or_float(node, (node.input(0), node.output), int16=self.takes_int16)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """input and output are float32 or quantized"""
        return device_arithmetic(node.input(0))

    @abstractmethod
    def compute(self, x: Numbers) -> Numbers:
        """The function on float32 or float64 numbers, or others that the constraints allow, in their own precision."""

    def apply(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        """The function on quantized values; what leaves int8 is clamped afterwards.

        ValueError when the scales are out of the range of the arithmetic.
        """
        with np.errstate(all="ignore"):
            real = np.float32(source.scale) * (x - source.zero_point).astype(np.float32)
            steps = np.asarray(self.compute(real.astype(np.float64)), np.float64) / result.scale
        return round_half_away(steps) + result.zero_point

    def apply_int16(self, source: QuantParams, result: QuantParams, x: arith.Ints) -> arith.Ints:
        """``apply`` on int16 values, whose zero points are 0; what leaves int16 is clamped afterwards."""
        return self.apply(source, result, x)

    def int16_call(self, node: Node, source: QuantParams, result: QuantParams) -> Call:
        """The C call for int16."""
        raise NotImplementedError

    @constraint
    def representable(self, node: Node) -> str | None:
        """the scales are in the range of 32-bit fixed-point arithmetic"""
        if not is_quantized(node) or self.tensor_types(node) is not None:
            return None
        try:
            if is_int16(node):
                self._of_int16(node, np.zeros(1, np.int16))
            else:
                self.table(node)
        except ValueError as error:
            return str(error)
        return None

    def table(self, node: Node) -> Array:
        """The int8 result of every int8 input, in the order of the input's bits as an unsigned number."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return _table(self, source, result)

    def _of_int16(self, node: Node, x: Array) -> Array:
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        made = self.apply_int16(source, result, x.astype(np.int64))
        limited: Array = np.clip(made, *node.output.type.dtype.limits).astype(np.int16)
        return limited

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x = inputs[0]
        assert x is not None
        if is_int16(node):
            return [self._of_int16(node, x)]
        if is_quantized(node):
            return [self.table(node)[x.astype(np.uint8)]]
        with np.errstate(all="ignore"):
            result = self.compute(x.astype(np.float32) if x.dtype == np.float16 else x)
            return [result.astype(node.output.type.dtype.numpy)]

    def is_identity(self, node: Node) -> bool:
        if not is_quantized(node) or is_int16(node) or node.input(0).type != node.output.type:
            return False
        return np.array_equal(self.table(node), _EVERY_INT8)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule() if self.quantizes else None

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        return Permuted(self, (permutation,), (permutation,))

    def parameters(self) -> tuple[float, ...]:
        """The numbers behind the size in the float kernel's arguments."""
        return ()

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        size = Int(node.output.type.elements)
        if not is_quantized(node):
            return (Call(f"mg_{self.stem}_f32", (Input(0), Output(), size, *map(Float, self.parameters()))),)
        clamp = self.as_clamp(node)
        if clamp is not None:
            low, high = clamp.bounds(node.output.type)
            return (Call(f"mg_clamp_{suffix(node)}", (Input(0), Output(), size, Int(low), Int(high))),)
        if is_int16(node):
            source, result = node.input(0).type.quant, node.output.type.quant
            assert source is not None and result is not None
            return (self.int16_call(node, source, result),)
        return (Call("mg_lut_s8", (Input(0), Const("table", self.table(node)), Output(), size)),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)


@dataclass(frozen=True)
class NumberUnary(Unary):
    """An elementwise function that integers have as well, in their own arithmetic (modulo their range)."""

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """input and output are numbers, or int8 with quantization parameters, one scale each, or, where TensorFlow \
Lite Micro has it, int16 with zero point 0
        """
        if node.input(0).type.dtype is DType.BOOL:
            return f"{short(node.input(0))} is bool"
        return quantized_or_plain(node, (node.input(0), node.output), int16=self.takes_int16)


@dataclass(frozen=True)
class Predicate(Unary):
    """An elementwise question about a floating-point tensor: the result is bool."""

    quantizes: ClassVar[bool] = False

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((DType.BOOL, node.input(0).shape),)

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """the input holds floating-point numbers"""
        dtype = node.input(0).type.dtype
        return None if dtype.is_float else f"{short(node.input(0))} is {dtype}"

    def in_place(self, node: Node) -> tuple[int, ...]:
        return ()


_EVERY_INT8 = np.arange(256, dtype=np.uint8).view(np.int8)


@functools.lru_cache(maxsize=64)
def _table(op: Unary, source: QuantParams, result: QuantParams) -> Array:
    values = op.apply(source, result, _EVERY_INT8.astype(np.int64))
    table = np.clip(values, -128, 127).astype(np.int8)
    table.setflags(write=False)
    return table


def clip_form(node: Node, low: float, high: float) -> OnnxForm:
    """ONNX's Clip; an infinite bound is left out."""
    dtype = node.input(0).type.dtype.numpy
    bounds = [
        constant_input(f"{node.output.name}/{name}", np.array(bound, dtype)) if np.isfinite(bound) else None
        for name, bound in (("min", low), ("max", high))
    ]
    return OnnxForm("Clip", (node.input(0), *bounds))


def rescale(x: arith.Ints, factor: float) -> arith.Ints:
    """``x · factor``, rounded; ValueError when the factor is out of range."""
    return arith.multiply_by_quantized_multiplier(x, *arith.quantize_multiplier(factor))


def round_half_away(x: Numbers) -> arith.Ints:
    """``x`` rounded to the nearest integer, halves away from zero, limited to ±10^9; 0 for what is not a number."""
    limited = np.clip(np.nan_to_num(x, nan=0.0, posinf=1e9, neginf=-1e9), -1e9, 1e9)
    whole = np.floor(np.abs(limited))
    rounded = np.copysign(whole + (np.abs(limited) - whole >= 0.5), limited)
    integers: arith.Ints = rounded.astype(np.int64)
    return integers


def sample(
    op: Unary,
    id: str,
    source: tuple[float, int],
    result: tuple[float, int],
    shape: tuple[int, ...] = (16, 17),
) -> Sample:
    """A sample by (scale, zero point) of input and output; its size lets random data meet most int8 values."""
    return sampling.single(op, id, [sampling.int8(shape, *source)], QuantParams.per_tensor(*result))


def int16_sample(op: Unary, id: str, source: float, result: float, shape: tuple[int, ...] = (13, 17)) -> Sample:
    """A sample in int16 by the scales of input and output."""
    return sampling.single(op, f"i16_{id}", [sampling.int16(shape, source)], QuantParams.per_tensor(result, 0))


def float_samples(op: Unary, suffix: str = "") -> Iterator[Sample]:
    """Samples in single precision; ``suffix`` tells them from those of the same operator with other attributes."""
    for id, shape in (("image", (1, 3, 5, 4)), ("one", (1,)), ("odd", (67,))):
        yield sampling.single(op, f"f32_{id}{suffix}", [TensorType(DType.FLOAT32, shape)], None)


def unary_samples(
    op: Unary, result: tuple[float, int] = (0.04, -3), source: tuple[float, int] = (0.03, 2), suffix: str = ""
) -> Iterator[Sample]:
    """Samples that serve most functions: ``source`` and ``result`` are a (scale, zero point) that suit the function."""
    yield sample(op, f"image{suffix}", source, result, (1, 4, 5, 6))
    yield sample(op, f"all{suffix}", source, result)
    yield sample(op, f"zero_points_low{suffix}", (source[0], -128), (result[0], -128))
    yield sample(op, f"zero_points_high{suffix}", (source[0], 127), (result[0], 127))
    yield sample(op, f"coarse{suffix}", (source[0] * 7, source[1]), (result[0] / 3, result[1]))
    yield from float_samples(op, suffix)
