"""Operations on the bits of integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.binary import Binary, float_samples
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.constraints import short
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.tflite_form import TFLiteForm
from microgen.ops.unary import Unary


def _no_bits(value: Value, *, takes_bool: bool = False) -> str | None:
    """What keeps a value from being a plain integer."""
    dtype = value.type.dtype
    if dtype.is_float or (dtype is DType.BOOL and not takes_bool):
        return f"{short(value)} is {dtype}"
    return None if value.type.quant is None else f"{short(value)} is quantized"


def _no_int32(value: Value) -> str | None:
    dtype = value.type.dtype
    return None if dtype is DType.INT32 else f"{short(value)} is {dtype}"


@dataclass(frozen=True)
class BitwiseNot(Unary):
    """All bits inverted."""

    name: ClassVar[str] = "BitwiseNot"
    onnx: ClassVar[tuple[str, ...]] = ("BitwiseNot",)
    quantizes: ClassVar[bool] = False

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """input and output are integers without quantization parameters"""
        return _no_bits(node.input(0)) or _no_bits(node.output)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """input and output are int32"""
        return _no_int32(node.input(0))

    def compute(self, x: Numbers) -> Numbers:
        result: Numbers = np.invert(x)
        return result

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return (Call("mg_bitwise_not_s32", (Input(0), Output(), Int(node.output.type.elements))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for id, shape in (("i32", (3, 4)), ("i32_one", (1,)), ("i32_odd", (67,))):
            yield sampling.single(cls(), id, [TensorType(DType.INT32, shape)], None)


@dataclass(frozen=True)
class Bitwise(Binary):
    """An operation on the bits of two integers."""

    quantizes: ClassVar[bool] = False

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """inputs and output are integers without quantization parameters"""
        return _no_bits(node.input(0)) or _no_bits(node.input(1)) or _no_bits(node.output)

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """inputs and output are int32"""
        return _no_int32(node.input(0))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        return (Call(f"mg_{self.stem}_s32", (self.float_params(node), Input(0), Input(1), Output())),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from float_samples(cls(), DType.INT32, "i32")
        yield sampling.single(cls(), "u8", [TensorType(DType.UINT8, (2, 3)), TensorType(DType.UINT8, (3,))], None)


@dataclass(frozen=True)
class BitwiseAnd(Bitwise):
    """The bits that both have."""

    name: ClassVar[str] = "BitwiseAnd"
    stem: ClassVar[str] = "bitwise_and"
    onnx: ClassVar[tuple[str, ...]] = ("BitwiseAnd",)
    mindspore: ClassVar[tuple[str, ...]] = ("BitwiseAnd",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.bitwise_and(first, second)
        return result


@dataclass(frozen=True)
class BitwiseOr(Bitwise):
    """The bits that one has, or both."""

    name: ClassVar[str] = "BitwiseOr"
    stem: ClassVar[str] = "bitwise_or"
    onnx: ClassVar[tuple[str, ...]] = ("BitwiseOr",)
    mindspore: ClassVar[tuple[str, ...]] = ("BitwiseOr",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.bitwise_or(first, second)
        return result


@dataclass(frozen=True)
class BitwiseXor(Bitwise):
    """The bits that one has, but not both."""

    name: ClassVar[str] = "BitwiseXor"
    stem: ClassVar[str] = "bitwise_xor"
    tflite: ClassVar[tuple[str, ...]] = ("BITWISE_XOR",)
    tflite_options: ClassVar[str | None] = "BitwiseXorOptions"
    onnx: ClassVar[tuple[str, ...]] = ("BitwiseXor",)
    mindspore: ClassVar[tuple[str, ...]] = ("BitwiseXor",)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        result: Numbers = np.bitwise_xor(first, second)
        return result


@dataclass(frozen=True)
class BitShift(Bitwise):
    """The first integer's bits, moved by as many places as the second says, to the left or to the right; a signed
    number keeps its sign to the right. Places beyond the type's width leave nothing (to the right: the sign).
    """

    left: bool = False

    name: ClassVar[str] = "BitShift"
    tflite: ClassVar[tuple[str, ...]] = ("RIGHT_SHIFT",)
    tflite_options: ClassVar[str | None] = "RightShiftOptions"
    onnx: ClassVar[tuple[str, ...]] = ("BitShift",)

    @property
    def stem(self) -> str:  # type: ignore[override]
        """The kernel's name without ``mg_`` and ``_s32``."""
        return "shift_left" if self.left else "shift_right"

    def to_tflite(self, node: Node) -> TFLiteForm:
        if self.left:
            raise VerifyError("TensorFlow Lite has no shift to the left", where=node.label)
        return super().to_tflite(node)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        direction = source.text("direction")
        if direction not in ("LEFT", "RIGHT"):
            raise VerifyError(f"attribute direction is {direction!r}, neither LEFT nor RIGHT")
        _, inputs = super().from_onnx(source)
        return cls(direction == "LEFT"), inputs

    def to_onnx(self, node: Node) -> OnnxForm:
        if node.input(0).type.dtype.name.startswith("INT"):
            raise VerifyError("ONNX shifts no signed integers", where=node.label)
        return OnnxForm("BitShift", node.inputs, {"direction": "LEFT" if self.left else "RIGHT"})

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        width = 8 * first.dtype.itemsize
        # A negative number of places is a huge one.
        beyond = (second < 0) | (second >= width)
        places = np.where(beyond, width - 1, second).astype(first.dtype)
        if self.left:
            result: Numbers = np.where(beyond, first.dtype.type(0), np.left_shift(first, places))
        else:
            shifted = np.right_shift(first, places)
            result = np.where(beyond, np.right_shift(shifted, first.dtype.type(1)), shifted)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from float_samples(cls(), DType.INT32, "i32")
        yield from float_samples(cls(True), DType.INT32, "i32_left")
        for op, id in ((cls(), "u8"), (cls(True), "u8_left")):
            yield sampling.single(op, id, [TensorType(DType.UINT8, (2, 3)), TensorType(DType.UINT8, (3,))], None)
