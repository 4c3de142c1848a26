"""DEQUANTIZE: integers to float."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.mindir import Array, DType, Node, QuantParams, TensorType
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Float, Input, Int, Output, Target
from microgen.ops.tflite_form import TFLiteForm

_KERNELS = {
    DType.INT8: "mg_dequantize_s8_f32",
    DType.UINT8: "mg_dequantize_u8_f32",
    DType.INT16: "mg_dequantize_s16_f32",
}


@dataclass(frozen=True)
class Dequantize(Op):
    """``scale · (x - zero point)`` in single precision."""

    name: ClassVar[str] = "Dequantize"
    tflite: ClassVar[tuple[str, ...]] = ("DEQUANTIZE",)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, version=3)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((DType.FLOAT32, node.input(0).shape),)

    @constraint
    def integer_input(self, node: Node) -> str | None:
        """the input is int8, uint8 or int16"""
        dtype = node.input(0).type.dtype
        return None if dtype in _KERNELS else f"it is {dtype}"

    @constraint
    def per_tensor(self, node: Node) -> str | None:
        """the input has quantization parameters with one scale"""
        quant = node.input(0).type.quant
        if quant is None:
            return "it has none"
        return None if quant.is_per_tensor else f"it has {len(quant.scales)} scales"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        array, quant = inputs[0], node.input(0).type.quant
        assert array is not None and quant is not None
        # The difference is exact in single precision, so that the product is rounded once.
        centred = (array.astype(np.int32) - quant.zero_point).astype(np.float32)
        with np.errstate(over="ignore"):  # to infinity, as on the device
            return [np.float32(quant.scale) * centred]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        source = node.input(0).type
        assert source.quant is not None
        numbers = (Int(source.elements), Float(source.quant.scale), Int(source.quant.zero_point))
        return (Call(_KERNELS[source.dtype], (Input(0), Output(), *numbers)),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for dtype in _KERNELS:
            low, high = dtype.limits
            for id, scale, zero_point in (
                ("", 0.1, (low + high + 1) // 2),
                ("_low", 0.037, low),
                ("_high", 0.037, high),
                ("_small", 3.3e-30, low),
                ("_large", 1.7e30, 0),
            ):
                quant = QuantParams.per_tensor(scale, zero_point)
                kind = TensorType(dtype, (1, 7, 11), quant)
                yield sampling.single(cls(), f"{dtype}{id}", [kind], None)
