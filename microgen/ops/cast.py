"""CAST: numbers as another element type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, device_constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.constraints import short
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import present
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# TensorFlow Lite's and ONNX's numbers of element types.
TFLITE_TYPES = {
    DType.FLOAT32: 0,
    DType.FLOAT16: 1,
    DType.INT32: 2,
    DType.UINT8: 3,
    DType.INT64: 4,
    DType.BOOL: 6,
    DType.INT16: 7,
    DType.INT8: 9,
    DType.FLOAT64: 10,
    DType.UINT64: 12,
    DType.UINT32: 15,
    DType.UINT16: 16,
}
ONNX_TYPES = {
    DType.FLOAT32: 1,
    DType.UINT8: 2,
    DType.INT8: 3,
    DType.UINT16: 4,
    DType.INT16: 5,
    DType.INT32: 6,
    DType.INT64: 7,
    DType.BOOL: 9,
    DType.FLOAT16: 10,
    DType.FLOAT64: 11,
    DType.UINT32: 12,
    DType.UINT64: 13,
}
# The kernel's numbers of them.
_KERNEL_TYPES = (
    DType.FLOAT32, DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64, DType.BOOL, DType.UINT32
)  # fmt: skip


@dataclass(frozen=True)
class Cast(Op):
    """The input's numbers, whatever they stand for, as ``dtype``.

    Fractions are cut off, and NaN becomes 0. Floats become int64, uint32 or, for other types of up to 32 bits, int32
    (the nearest number there is); of integers that are too long the lower bits stay. Everything but 0 is true.
    """

    dtype: DType

    name: ClassVar[str] = "Cast"
    tflite: ClassVar[tuple[str, ...]] = ("CAST",)
    tflite_options: ClassVar[str | None] = "CastOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Cast",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.outputs[0].type.dtype), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        types = {"InDataType": TFLITE_TYPES[node.input(0).type.dtype], "OutDataType": TFLITE_TYPES[self.dtype]}
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, types)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        number = source.integer("to")
        for dtype, known in ONNX_TYPES.items():
            if known == number:
                return cls(dtype), (source.input(0),)
        raise VerifyError(f"element type {number} of ONNX is not supported")

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Cast", node.inputs, {"to": ONNX_TYPES[self.dtype]})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((self.dtype, node.input(0).shape),)

    @device_constraint
    def kernel_types(self, node: Node) -> str | None:
        """the numbers are float32, int8, uint8, int16, int32, uint32, int64 or bool"""
        for value in (node.input(0), node.output):
            if value.type.dtype not in _KERNEL_TYPES:
                return f"{short(value)} is {value.type.dtype}"
        return None

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        return [cast(x, self.dtype)]

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        return Permuted(self, (permutation,), (permutation,))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        numbers = (
            node.output.type.elements,
            _KERNEL_TYPES.index(node.input(0).type.dtype),
            _KERNEL_TYPES.index(self.dtype),
        )
        return (Call("mg_cast", (Input(0), Output(), *map(Int, numbers))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        few = (DType.FLOAT32, DType.INT32, DType.UINT32)
        for before in _KERNEL_TYPES:
            for after in _KERNEL_TYPES:
                if DType.UINT32 in (before, after) and not (before in few and after in few):
                    continue
                prefix = "f32_" if DType.FLOAT32 in (before, after) else ""
                source = TensorType(before, (3, 17))
                yield sampling.single(cls(after), f"{prefix}{before}_to_{after}", [source], None)


def cast(x: Array, dtype: DType) -> Array:
    """``x`` as ``dtype``, by the rules of ``Cast``."""
    if x.dtype.kind != "f" or dtype.is_float or dtype is DType.BOOL:
        with np.errstate(over="ignore", invalid="ignore"):
            return x.astype(dtype.numpy)
    way = DType.UINT32 if dtype is DType.UINT32 else DType.INT64 if dtype.size == 8 else DType.INT32
    whole = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0))
    if dtype is DType.UINT64 and not (whole < 0).any():
        way = DType.UINT64
    low, high = way.limits
    # The largest 64-bit integers are no doubles: what reaches them is set apart.
    inside = np.where((whole > low) & (whole < high), whole, 0.0).astype(way.numpy)
    near = np.where(whole >= high, way.numpy.type(high), np.where(whole <= low, way.numpy.type(low), inside))
    return near.astype(dtype.numpy)
