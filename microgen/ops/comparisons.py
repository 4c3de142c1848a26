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
from microgen.ops.call import Call
from microgen.ops.common_scale import scaled_operands
from microgen.ops.constraints import quantized_or_plain, short
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm

# Bits by which quantized operands are refined before they are brought to a scale of 1, and the largest shift of a
# scale's multiplier that then stays in 32 bits.
_LEFT_SHIFT = 8
_MAX_SHIFT = 14


@dataclass(frozen=True)
class Comparison(Binary):
    """A comparison. Quantized operands are compared as multiples of 1/256 of their real values, rounded."""

    #: Whether truth values have it.
    takes_bool: ClassVar[bool] = False

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

    def lower_int8(self, node: Node) -> tuple[Call, ...]:
        return (self.strided_call(node, f"mg_{self.stem}_s8", "mg_add_s8"),)


def _order_samples(op: Comparison) -> Iterator[Sample]:
    """Samples of operators that ask which element is larger."""
    yield from int8_samples(lambda _: op, None, fuses=False)
    yield sampling.single(op, "same_scale", [sampling.int8((65,), 0.05, 3)] * 2, None)
    yield sampling.single(op, "fine", [sampling.int8((65,), 0.001, 3)] * 2, None)
    yield from float_samples(op)
    yield sampling.single(op, "i64", [TensorType(DType.INT64, (2, 3)), TensorType(DType.INT64, (3,))], None)


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
    yield sampling.single(op, "i64", [TensorType(DType.INT64, (40, 5)), sampling.constant("whole", whole)], None)
    yield sampling.single(op, "bool", [TensorType(DType.BOOL, (4, 5)), TensorType(DType.BOOL, (5,))], None)


@dataclass(frozen=True)
class Equal(Comparison):
    """``a == b``."""

    name: ClassVar[str] = "Equal"
    stem: ClassVar[str] = "equal"
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
