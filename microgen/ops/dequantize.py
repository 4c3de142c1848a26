"""DEQUANTIZE: integers to float."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Const, Float, Input, Int, Output, Target
from microgen.ops.floats import FloatArray
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import Attribute, OnnxForm, constant_input
from microgen.ops.tflite_form import TFLiteForm

_KERNELS = {
    DType.INT8: "mg_dequantize_s8_f32",
    DType.UINT8: "mg_dequantize_u8_f32",
    DType.INT16: "mg_dequantize_s16_f32",
}


def along_axis(quant: QuantParams, shape: tuple[int, ...]) -> tuple[FloatArray, arith.Ints]:
    """float32 scales and int64 zero points, shaped to broadcast against tensors of ``shape``."""
    sizes = [1] * len(shape)
    if quant.axis is not None:
        sizes[quant.axis] = len(quant.scales)
    scales = np.array(quant.scales, np.float32).reshape(sizes)
    return scales, np.array(quant.zero_points, np.int64).reshape(sizes)


def linear_operands(source: Value, quantized: Value) -> tuple[tuple[Value, ...], dict[str, Attribute]]:
    """Inputs and attributes of ONNX's QuantizeLinear and DequantizeLinear: ``source``, scales and zero points."""
    quant, dtype = quantized.type.quant, quantized.type.dtype
    assert quant is not None
    shape = () if quant.axis is None else (len(quant.scales),)
    scales = np.array(quant.scales, np.float32).reshape(shape)
    zero_points = np.array(quant.zero_points, dtype.numpy).reshape(shape)
    operands = (
        source,
        constant_input(f"{quantized.name}_scale", scales),
        constant_input(f"{quantized.name}_zero_point", zero_points),
    )
    return operands, {} if quant.axis is None else {"axis": quant.axis}


@dataclass(frozen=True)
class Dequantize(Op):
    """``scale · (x - zero point)`` in single precision, with one scale or one for each slice along an axis.

    Files also keep weights in float16 for it to widen. ``qdq`` says that the node only marks quantized arithmetic, as
    in ONNX's QDQ form: what computes between it and a Quantize may be an int8 operator. Otherwise float is meant.
    """

    qdq: bool = False

    name: ClassVar[str] = "Dequantize"
    tflite: ClassVar[tuple[str, ...]] = ("DEQUANTIZE",)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, version=3)

    def to_onnx(self, node: Node) -> OnnxForm:
        if node.input(0).type.quant is None:
            raise VerifyError("ONNX dequantizes integers only", where=node.label)
        return OnnxForm("DequantizeLinear", *linear_operands(node.input(0), node.input(0)))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((DType.FLOAT32, node.input(0).shape),)

    @constraint
    def quantized_input(self, node: Node) -> str | None:
        """the input is an integer tensor with quantization parameters, or float16"""
        source = node.input(0).type
        return None if source.quant is not None or source.dtype is DType.FLOAT16 else f"it is {source}"

    @device_constraint
    def integer_input(self, node: Node) -> str | None:
        """the input is int8, uint8 or int16"""
        dtype = node.input(0).type.dtype
        return None if dtype in _KERNELS else f"it is {dtype}"

    @device_constraint
    def scales(self, node: Node) -> str | None:
        """the input has one scale, or is int8"""
        quant, dtype = node.input(0).type.quant, node.input(0).type.dtype
        if quant is None or quant.is_per_tensor or dtype is DType.INT8:
            return None
        return f"it is {dtype} with {len(quant.scales)} scales"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        array, quant = inputs[0], node.input(0).type.quant
        assert array is not None
        if quant is None:
            return [array.astype(np.float32)]
        # The difference is exact in single precision, so that the product is rounded once.
        scales, zero_points = along_axis(quant, node.input(0).shape)
        centred = (array.astype(np.int64) - zero_points).astype(np.float32)
        with np.errstate(over="ignore"):  # to infinity, as on the device
            return [scales * centred]

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        quant = node.input(0).type.quant
        if quant is not None and not quant.is_per_tensor:
            return None
        return Permuted(self, (permutation,), (permutation,))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        source = node.input(0).type
        assert source.quant is not None
        if source.quant.axis is not None and not source.quant.is_per_tensor:
            axis, shape = source.quant.axis, source.shape
            sizes = (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
            scales, zero_points = along_axis(source.quant, shape)
            tables = (
                Const("scale", scales.reshape(-1)),
                Const("zero_point", zero_points.reshape(-1).astype(np.int32)),
            )
            return (Call("mg_dequantize_axis_s8_f32", (Input(0), Output(), *map(Int, sizes), *tables)),)
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
        generator = sampling.rng("dequantize")
        scales = tuple(float(s) for s in generator.uniform(0.01, 0.3, 5).astype(np.float32))
        per_channel = QuantParams(scales, (0, 3, -7, 0, 1), 1)
        yield sampling.single(cls(), "per_channel", [TensorType(DType.INT8, (2, 5, 3), per_channel)], None)
        yield sampling.single(cls(), "int32", [TensorType(DType.INT32, (2, 5), QuantParams.per_tensor(0.1, 0))], None)
        yield sampling.single(cls(), "float16", [TensorType(DType.FLOAT16, (2, 5))], None)
