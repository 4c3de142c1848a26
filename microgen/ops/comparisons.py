"""EQUAL, GREATER and their kin: comparisons of two tensors' elements, whose results are bool."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.arith import Numbers
from microgen.mindir import DType, Node, TensorType
from microgen.ops import sampling
from microgen.ops.base import Sample, constraint
from microgen.ops.binary import Binary, Shape, float_samples, int8_samples, scale_and_zero_point
from microgen.ops.call import Call, Input, Int, Output
from microgen.ops.common_scale import scaled_operands
from microgen.ops.constraints import quantized_or_plain, short
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm

# Bits by which quantized operands are refined before they are brought to a scale of 1, and the largest shift of a
# scale's multiplier that then stays in 32 bits.
_LEFT_SHIFT = 8
_MAX_SHIFT = 14
_KERNELS = {DType.INT32: "s32", DType.INT64: "s64", DType.BOOL: "bool"}


@dataclass(frozen=True)
class Comparison(Binary):
    """A comparison. Quantized operands are compared as multiples of 1/256 of their real values, rounded."""

    #: Whether truth values have it.
    takes_bool: ClassVar[bool] = False
    quant_struct: ClassVar[str] = "mg_add_s8"
    #: Which of less (1), equal (2) and greater (4) are true.
    accepts: ClassVar[int]
    device_integers: ClassVar[frozenset[DType]] = frozenset((DType.INT32, DType.INT64, DType.BOOL))

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, Shape], ...]:
        ((_, shape),) = super().infer(node)
        return ((DType.BOOL, shape),)

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """inputs are of one type, with an order unless for equality, or int8 with quantization parameters"""
        if node.input(0).type.dtype is DType.BOOL and not self.takes_bool:
            return f"{short(node.input(0))} is bool"
        return quantized_or_plain(node, (node.input(0), node.input(1)))

    @abstractmethod
    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        """The comparison."""

    def combine(self, node: Node, first: arith.Ints, second: arith.Ints) -> Numbers:
        return self.compute(*scaled_operands(self.quant_fields(node), first, second))

    def lower_integers(self, node: Node) -> tuple[Call, ...]:
        kernel = f"mg_compare_{_KERNELS[node.input(0).type.dtype]}"
        return (Call(kernel, (self.float_params(node), Input(0), Input(1), Output(), Int(self.accepts))),)

    def clamp(self, node: Node) -> tuple[int, int]:
        return (0, 1)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched_outputs=True)

    def quant_fields(self, node: Node) -> dict[str, int]:
        fields = {"left_shift": _LEFT_SHIFT}
        for i in (1, 2):
            scale, zero = scale_and_zero_point(node.input(i - 1))
            multiplier, shift = arith.quantize_multiplier(scale)
            if shift > _MAX_SHIFT:
                raise ValueError(f"{short(node.input(i - 1))} has the scale {scale:.9g}, 2^{_MAX_SHIFT} or more")
            fields |= {f"input_{i}_offset": -zero, f"input_{i}_multiplier": multiplier, f"input_{i}_shift": shift}
        return fields


def _order_samples(op: Comparison) -> Iterator[Sample]:
    """Samples of operators that ask which element is larger."""
    yield from int8_samples(lambda _: op, None, fuses=False)
    yield sampling.single(op, "same_scale", [sampling.int8((65,), 0.05, 3)] * 2, None)
    yield sampling.single(op, "fine", [sampling.int8((65,), 0.001, 3)] * 2, None)
    yield from float_samples(op)
    for id, dtype in (("i32", DType.INT32), ("i64", DType.INT64)):
        values = np.array([-100, 0, 99], dtype.numpy)
        yield sampling.single(op, id, [TensorType(dtype, (7, 3)), sampling.constant("bounds", values)], None)


def _equality_samples(op: Comparison) -> Iterator[Sample]:
    """Samples in which elements are equal now and then."""
    image = (1, 3, 4, 5)
    whole = sampling.rng("whole").integers(-4, 5, (5,))
    for id, first, second in (("image", image, image), ("channels", image, (5,)), ("inner", image, (1, 3, 4, 1))):
        for scale in (0.0005, 0.002, 0.05):
            kinds = [sampling.int8(first, scale, 3), sampling.int8(second, scale, -7)]
            yield sampling.single(op, f"{id}_{scale}", kinds, None)
    yield sampling.single(op, "other_scales", [sampling.int8((130,), 0.002, 3), sampling.int8((130,), 0.0013, 9)], None)
    for id, shape in (("channels", image), ("rows", (7, 5))):
        constant = sampling.constant("whole", whole.astype(np.float32))
        yield sampling.single(op, f"f32_{id}", [sampling.float32(shape), constant], None)
    yield sampling.single(op, "f32_image", [sampling.float32(image)] * 2, None)
    for id, dtype in (("i32", DType.INT32), ("i64", DType.INT64)):
        constant = sampling.constant("whole", whole.astype(dtype.numpy))
        yield sampling.single(op, id, [TensorType(dtype, (40, 5)), constant], None)
    yield sampling.single(op, "bool", [TensorType(DType.BOOL, (4, 5)), TensorType(DType.BOOL, (5,))], None)


@dataclass(frozen=True)
class Equal(Comparison):
    """``a == b``."""

    name: ClassVar[str] = "Equal"
    stem: ClassVar[str] = "equal"
    accepts: ClassVar[int] = 2
    tflite: ClassVar[tuple[str, ...]] = ("EQUAL",)
    tflite_options: ClassVar[str | None] = "EqualOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Equal",)
    mindspore: ClassVar[tuple[str, ...]] = ("Equal",)
    takes_bool: ClassVar[bool] = True

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first == second
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from _equality_samples(cls())


@dataclass(frozen=True)
class NotEqual(Comparison):
    """``a != b``."""

    name: ClassVar[str] = "NotEqual"
    stem: ClassVar[str] = "not_equal"
    accepts: ClassVar[int] = 5
    tflite: ClassVar[tuple[str, ...]] = ("NOT_EQUAL",)
    tflite_options: ClassVar[str | None] = "NotEqualOptions"
    mindspore: ClassVar[tuple[str, ...]] = ("NotEqual",)
    takes_bool: ClassVar[bool] = True

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first != second
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from _equality_samples(cls())


@dataclass(frozen=True)
class Greater(Comparison):
    """``a > b``."""

    name: ClassVar[str] = "Greater"
    stem: ClassVar[str] = "greater"
    accepts: ClassVar[int] = 4
    tflite: ClassVar[tuple[str, ...]] = ("GREATER",)
    tflite_options: ClassVar[str | None] = "GreaterOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Greater",)
    mindspore: ClassVar[tuple[str, ...]] = ("Greater",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first > second
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from _order_samples(cls())


@dataclass(frozen=True)
class GreaterEqual(Comparison):
    """``a >= b``."""

    name: ClassVar[str] = "GreaterEqual"
    stem: ClassVar[str] = "greater_equal"
    accepts: ClassVar[int] = 6
    tflite: ClassVar[tuple[str, ...]] = ("GREATER_EQUAL",)
    tflite_options: ClassVar[str | None] = "GreaterEqualOptions"
    onnx: ClassVar[tuple[str, ...]] = ("GreaterOrEqual",)
    mindspore: ClassVar[tuple[str, ...]] = ("GreaterEqual",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first >= second
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from _order_samples(cls())


@dataclass(frozen=True)
class Less(Comparison):
    """``a < b``."""

    name: ClassVar[str] = "Less"
    stem: ClassVar[str] = "less"
    accepts: ClassVar[int] = 1
    tflite: ClassVar[tuple[str, ...]] = ("LESS",)
    tflite_options: ClassVar[str | None] = "LessOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Less",)
    mindspore: ClassVar[tuple[str, ...]] = ("Less",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first < second
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from _order_samples(cls())


@dataclass(frozen=True)
class LessEqual(Comparison):
    """``a <= b``."""

    name: ClassVar[str] = "LessEqual"
    stem: ClassVar[str] = "less_equal"
    accepts: ClassVar[int] = 3
    tflite: ClassVar[tuple[str, ...]] = ("LESS_EQUAL",)
    tflite_options: ClassVar[str | None] = "LessEqualOptions"
    onnx: ClassVar[tuple[str, ...]] = ("LessOrEqual",)
    mindspore: ClassVar[tuple[str, ...]] = ("LessEqual",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = first <= second
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from _order_samples(cls())
