"""POW: a power of two tensors' elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.arith import Numbers
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Sample, constraint, device_constraint
from microgen.ops.binary import Binary, Shape, broadcast_shape, float_samples
from microgen.ops.call import Call, Const, Input, Int, Output
from microgen.ops.constraints import device_arithmetic, is_quantized, quantized_int8, short
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm
from microgen.ops.unary import round_half_away


def _is_number(exponent: Value) -> bool:
    """Whether the exponent is one finite number that is known at compile time."""
    if not exponent.is_const or exponent.type.elements != 1 or exponent.type.dtype is not DType.FLOAT32:
        return False
    return bool(np.isfinite(exponent.const.astype(np.float32)).all())


@dataclass(frozen=True)
class Pow(Binary):
    """``a ^ b``, of a's element type; b may have another one. What does not fit an integer is truncated.

    In int8 the exponent is one constant float32 number, and the result that of the power in double precision, rounded
    to the nearest step, halves away from zero; what is not a number becomes the zero point.
    """

    name: ClassVar[str] = "Pow"
    stem: ClassVar[str] = "pow"
    tflite: ClassVar[tuple[str, ...]] = ("POW",)
    onnx: ClassVar[tuple[str, ...]] = ("Pow",)
    mindspore: ClassVar[tuple[str, ...]] = ("Pow",)
    tflite_options: ClassVar[str | None] = "PowOptions"

    def to_tflite(self, node: Node) -> TFLiteForm:
        if is_quantized(node):
            raise VerifyError("TensorFlow Lite Micro has no Pow in int8", where=node.label)
        return super().to_tflite(node)

    def infer(self, node: Node) -> tuple[tuple[DType, Shape], ...]:
        return ((node.input(0).type.dtype, broadcast_shape(node.input(0), node.input(1))),)

    @constraint
    def tensor_types(self, node: Node) -> str | None:
        """base and exponent are numbers; a quantized base has one scale and a constant float32 exponent"""
        base, exponent = node.input(0), node.input(1)
        for value in (base, exponent):
            if value.type.dtype is DType.BOOL:
                return f"{short(value)} is bool"
        if not is_quantized(node):
            quantized = next((v for v in (exponent, node.output) if v.type.quant is not None), None)
            return None if quantized is None else f"{short(quantized)} is quantized"
        if not _is_number(exponent) or base.shape != node.output.shape:
            return f"{short(exponent)} is {exponent.type}"
        return quantized_int8(node, (base, node.output))

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """inputs are float32, or the base quantized int8"""
        values = (node.input(0),) if is_quantized(node) else (node.input(0), node.input(1))
        return device_arithmetic(*values)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched=frozenset({1})) if _is_number(node.input(1)) else None

    def table(self, node: Node) -> Array:
        """The int8 result of every int8 base, in the order of the base's bits as an unsigned number."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        base = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64) - source.zero_point
        with np.errstate(all="ignore"):
            powers = np.power(base * source.scale, float(node.input(1).const.reshape(-1)[0]))
            steps = round_half_away(powers / result.scale) + result.zero_point
        return np.clip(steps, -128, 127).astype(np.int8)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        base = inputs[0]
        if not is_quantized(node) or base is None:
            return super().evaluate(node, inputs)
        return [self.table(node)[base.astype(np.uint8)]]

    def lower_quantized(self, node: Node) -> tuple[Call, ...]:
        size = Int(node.output.type.elements)
        return (Call("mg_lut_s8", (Input(0), Const("table", self.table(node)), Output(), size)),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,) if is_quantized(node) else super().in_place(node)

    def compute(self, first: Numbers, second: Numbers) -> Numbers:
        if first.dtype.kind != "f":
            if second.dtype.kind in "iu" and (second >= 0).all():
                second = second.astype(first.dtype)
            else:
                first = first.astype(np.float64)
        result: Numbers = np.power(first, second)
        return result

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from float_samples(cls())
        for id, power, result in (
            ("square", 2.0, (0.3, -128)),
            ("root", 0.5, (0.02, -100)),
            ("reciprocal", -1.0, (0.1, 5)),
            ("odd", 3.0, (2.0, 3)),
        ):
            exponent = sampling.constant("exponent", np.array(power, np.float32))
            operands: list[TensorType | Value] = [sampling.int8((1, 5, 7, 3), 0.05, 3), exponent]
            yield sampling.single(cls(), id, operands, QuantParams.per_tensor(*result))
        half = sampling.constant("exponent", np.array(0.5, np.float32))
        yield sampling.single(cls(), "f32_root", [sampling.float32((1, 3, 4, 5)), half], None)
        cube = sampling.constant("exponent", np.array([3], np.int32))
        yield sampling.single(cls(), "i32_cube", [TensorType(DType.INT32, (2, 3)), cube], None)
