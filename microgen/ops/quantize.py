"""QUANTIZE: float to integers, or integers to others of another type, scale or zero point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Float, Input, Int, Output, Target
from microgen.ops.dequantize import along_axis, linear_operands
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# The conversions that the reference interpreter and our kernels have, and their names in the kernels.
_SHORT = {
    DType.FLOAT32: "f32",
    DType.INT8: "s8",
    DType.UINT8: "u8",
    DType.INT16: "s16",
    DType.INT32: "s32",
}
_CONVERSIONS = {
    DType.FLOAT32: (DType.INT8, DType.INT16),
    DType.INT8: (DType.INT8, DType.UINT8, DType.INT16, DType.INT32),
    DType.UINT8: (DType.INT8,),
    DType.INT16: (DType.INT8, DType.INT16, DType.INT32),
    DType.INT32: (DType.INT8, DType.INT16),
}


@dataclass(frozen=True)
class Quantize(Op):
    """``round(x / scale) + zero point``, clamped to the output's element type.

    The output's type is the attribute ``dtype``; its quantization is that of the node's output value.
    """

    dtype: DType = DType.INT8

    name: ClassVar[str] = "Quantize"
    tflite: ClassVar[tuple[str, ...]] = ("QUANTIZE",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        dtype = source.outputs[0].type.dtype if source.outputs else DType.INT8
        return cls(dtype), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, version=2)

    def to_onnx(self, node: Node) -> OnnxForm:
        if not node.input(0).type.dtype.is_float:
            raise VerifyError("ONNX quantizes floats only", where=node.label)
        return OnnxForm("QuantizeLinear", *linear_operands(node.input(0), node.output))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((self.dtype, node.input(0).shape),)

    @constraint
    def numbers(self, node: Node) -> str | None:
        """floating-point numbers or quantized integers become quantized integers"""
        source = node.input(0).type
        if source.dtype.is_float or source.quant is not None:
            to_integer = not self.dtype.is_float and self.dtype is not DType.BOOL
            return None if to_integer else f"{source.dtype} to {self.dtype}"
        return f"{node.input(0).name!r} is {source.dtype}"

    @device_constraint
    def conversion(self, node: Node) -> str | None:
        """float32 becomes int8 or int16; int8 becomes int8, uint8, int16 or int32; uint8 becomes int8; int16 \
becomes int8, int16 or int32; int32 becomes int8 or int16
        """
        source = node.input(0).type.dtype
        return None if self.dtype in _CONVERSIONS.get(source, ()) else f"{source} to {self.dtype}"

    @constraint
    def per_tensor(self, node: Node) -> str | None:
        """the output has quantization parameters, and integers that become others have one scale on both sides"""
        values = (node.output,) if node.input(0).type.dtype.is_float else (node.input(0), node.output)
        for value in values:
            if value.type.quant is None:
                return f"{value.name!r} has none"
            if len(values) == 2 and not value.type.quant.is_per_tensor:
                return f"{value.name!r} has {len(value.type.quant.scales)} scales"
        return None

    @device_constraint
    def one_scale(self, node: Node) -> str | None:
        """the output has one scale"""
        quant = node.output.type.quant
        return None if quant is None or quant.is_per_tensor else f"{node.output.name!r} has {len(quant.scales)}"

    @constraint
    def representable(self, node: Node) -> str | None:
        """the input scale over the output scale is below 2^30"""
        if node.input(0).type.dtype.is_float or self.per_tensor(node) is not None:
            return None
        try:
            self.factor(node)
        except ValueError as error:
            return str(error)
        return None

    def factor(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from an integer input to the output; ValueError when out of range."""
        source, result = node.input(0).type.quant, node.output.type.quant
        assert source is not None and result is not None
        return arith.quantize_multiplier(source.scale / result.scale)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        array, source, result = inputs[0], node.input(0).type.quant, node.output.type.quant
        assert array is not None and result is not None
        low, high = self.dtype.limits
        if node.input(0).type.dtype.is_float:
            values = self._from_float(array.astype(np.float32), result, node.output.shape, low, high)
        else:
            assert source is not None
            centred = arith.wrap32(array.astype(np.int64) - source.zero_point)
            scaled = arith.multiply_by_quantized_multiplier(centred, *self.factor(node))
            values = np.clip(arith.wrap32(scaled + result.zero_point), low, high)
        return [values.astype(self.dtype.numpy)]

    def _from_float(
        self, real: NDArray[np.float32], result: QuantParams, shape: tuple[int, ...], low: int, high: int
    ) -> arith.Ints:
        if result.is_per_tensor:
            return arith.quantize_float(real, result.scale, result.zero_point, low, high)
        assert result.axis is not None
        axis = result.axis + 1  # behind the samples
        scales, zero_points = along_axis(result, shape)
        slices = []
        for i, (scale, zero_point) in enumerate(zip(scales.flat, zero_points.flat, strict=True)):
            part = np.take(real, [i], axis)
            slices.append(arith.quantize_float(part, float(scale), int(zero_point), low, high))
        made: arith.Ints = np.concatenate(slices, axis)
        return made

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        quant = node.output.type.quant
        if quant is None or not quant.is_per_tensor:
            return None
        return Permuted(self, (permutation,), (permutation,))

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        source, result = node.input(0).type, node.output.type
        assert result.quant is not None
        pair = f"{_SHORT[source.dtype]}_{_SHORT[result.dtype]}"
        size, zero_point = Int(result.elements), Int(result.quant.zero_point)
        if source.dtype.is_float:
            args = (Input(0), Output(), size, Float(result.quant.scale), zero_point)
            return (Call(f"mg_quantize_{pair}", args),)
        assert source.quant is not None
        multiplier, shift = self.factor(node)
        numbers = (Int(source.quant.zero_point), Int(multiplier), Int(shift), zero_point)
        return (Call(f"mg_requantize_{pair}", (Input(0), Output(), size, *numbers)),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,) if node.input(0).type.dtype.size == self.dtype.size else ()

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str, source: tuple[DType, QuantParams | None], result: tuple[DType, QuantParams], elements: int = 77
        ) -> Sample:
            kind = TensorType(source[0], (1, elements), source[1])
            return sampling.single(cls(result[0]), id, [kind], result[1])

        params = QuantParams.per_tensor
        for source, results in _CONVERSIONS.items():
            for result in results:
                name = f"{source}_to_{result}"
                if source.is_float:
                    for id, quant in _float_cases(result):
                        yield make(name + id, (source, None), (result, quant))
                    continue
                for id, factor in (
                    ("", 0.83),
                    ("_ties", 0.5),
                    ("_same_scale", 1.0),
                    ("_saturating", 90.0),
                    ("_vanishing", 0.001),
                ):
                    # The factor is that of the full ranges, so that every result is in use.
                    quant_in = params(0.1 * _step(source), _middle(source) + (4 if source.size == 1 else 0))
                    quant_out = params(0.1 * _step(result) / factor, _middle(result))
                    yield make(name + id, (source, quant_in), (result, quant_out))
        scales = tuple(float(np.float32(0.01 * (i + 1))) for i in range(5))
        per_channel = QuantParams(scales, (0, 3, -7, 0, 1), 1)
        yield sampling.single(cls(), "per_channel", [TensorType(DType.FLOAT32, (2, 5, 3))], per_channel)
        yield make("float32_to_uint8", (DType.FLOAT32, None), (DType.UINT8, params(0.02, 120)))
        yield make("int8_to_uint8_flip", (DType.INT8, params(0.1, 0)), (DType.UINT8, params(0.1, 128)))
        yield make("uint8_to_int8_flip", (DType.UINT8, params(0.1, 128)), (DType.INT8, params(0.1, 0)))
        yield make("identity", (DType.INT8, params(0.1, 5)), (DType.INT8, params(0.1, 5)))
        yield make("zero_points", (DType.INT8, params(0.1, -128)), (DType.INT8, params(0.1, 127)))
        yield make("one", (DType.INT8, params(0.1, 5)), (DType.INT8, params(0.2, 5)), 1)


def _middle(dtype: DType) -> int:
    low, high = dtype.limits
    return (low + high + 1) // 2


def _step(dtype: DType) -> float:
    """The step at which a type spans as much as another; int32 counts as int16, for 32-bit products overflow."""
    return 2.0 ** (8 - 8 * min(dtype.size, 2))


def _float_cases(result: DType) -> Iterator[tuple[str, QuantParams]]:
    low, high = result.limits
    middle = _middle(result)
    yield "", QuantParams.per_tensor(0.05 * _step(result), middle + 7)
    yield "_low", QuantParams.per_tensor(0.03 * _step(result), low)
    yield "_high", QuantParams.per_tensor(0.03 * _step(result), high)
    yield "_coarse", QuantParams.per_tensor(64.0 * _step(result), middle)
    yield "_saturating", QuantParams.per_tensor(0.003 * _step(result), middle)
