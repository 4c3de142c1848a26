"""What ARG_MAX and ARG_MIN share."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.constraints import short
from microgen.ops.layout import Permutation, Permuted, reduced_permutation
from microgen.ops.movement import axis_in, present
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_KERNELS = {DType.INT8: "s8", DType.FLOAT32: "f32", DType.INT32: "s32"}


@dataclass(frozen=True)
class ArgReduction(Op):
    """Where along ``axis`` the extreme element is, as ``dtype`` (int32 or int64).

    ``axis`` may count from the end; it becomes 1 or, without ``keep_dims``, vanishes. Of equal elements the first
    counts or, with ``last``, the last. A NaN is more extreme than any number.
    """

    axis: int
    keep_dims: bool = False
    dtype: DType = DType.INT64
    last: bool = False

    #: Whether the largest element is looked for.
    largest: ClassVar[bool]

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        axes = source.integers(1)
        if len(axes) != 1:
            raise VerifyError(f"has {len(axes)} axes, not 1")
        return cls(axes[0], dtype=source.outputs[0].type.dtype), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if self.keep_dims or self.last:
            raise VerifyError(
                f"TensorFlow Lite's {self.tflite[0]} drops the dimension and takes the first of equal elements",
                where=node.label,
            )
        axis = sampling.constant("axis", np.array([self.axis], np.int32))
        number = {DType.INT32: 2, DType.INT64: 4}[self.dtype]
        return TFLiteForm(self.tflite[0], (node.input(0), axis), self.tflite_options, {"OutputType": number}, 2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        keep, last = bool(source.integer("keepdims", 1)), bool(source.integer("select_last_index", 0))
        return cls(source.integer("axis", 0), keep, DType.INT64, last), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        if self.dtype is not DType.INT64:
            raise VerifyError(f"ONNX's {self.onnx[0]} gives int64, not {self.dtype}", where=node.label)
        attributes = {"axis": self.axis, "keepdims": int(self.keep_dims), "select_last_index": int(self.last)}
        return OnnxForm(self.onnx[0], node.inputs, attributes)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        shape = node.input(0).shape
        axis = axis_in(self.axis, len(shape))
        if self.dtype not in (DType.INT32, DType.INT64):
            raise VerifyError(f"indices cannot be {self.dtype}")
        kept = (1,) if self.keep_dims else ()
        return ((self.dtype, (*shape[:axis], *kept, *shape[axis + 1 :])),)

    @constraint
    def one_scale(self, node: Node) -> str | None:
        """the input has one scale"""
        quant = node.input(0).type.quant
        many = quant is not None and not quant.is_per_tensor
        return f"{short(node.input(0))} has {len(quant.scales)}" if quant is not None and many else None

    @device_constraint
    def kernel_types(self, node: Node) -> str | None:
        """the input is int8, int32 or float32"""
        dtype = node.input(0).type.dtype
        return None if dtype in _KERNELS else f"{short(node.input(0))} is {dtype}"

    @abstractmethod
    def find(self, x: Array, axis: int) -> Array:
        """The index of the first of the extreme elements along ``axis``."""

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        axis = axis_in(self.axis, len(node.input(0).shape)) + 1
        found = self.find(np.flip(x, axis) if self.last else x, axis)
        if self.last:
            found = x.shape[axis] - 1 - found
        return [found.astype(self.dtype.numpy).reshape(len(x), *node.output.shape)]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched_outputs=True)

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axis = axis_in(self.axis, len(permutation))
        op = dataclasses.replace(self, axis=permutation.index(axis))
        return Permuted(op, (permutation,), (reduced_permutation(permutation, (axis,), self.keep_dims),))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        shape = node.input(0).shape
        axis = axis_in(self.axis, len(shape))
        numbers = (
            math.prod(shape[:axis]),
            shape[axis],
            math.prod(shape[axis + 1 :]),
            int(self.largest),
            int(self.last),
            int(self.dtype is DType.INT64),
        )
        function = f"mg_arg_extreme_{_KERNELS[node.input(0).type.dtype]}"
        return (Call(function, (Input(0), Output(), *map(Int, numbers))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, source: TensorType, **attributes: object) -> Sample:
            return sampling.single(cls(**attributes), id, [source], None)  # type: ignore[arg-type]

        int32 = DType.INT32
        yield make("vector", sampling.int8((29,)), axis=0, dtype=int32)
        yield make("last_axis", sampling.int8((6, 11)), axis=-1, dtype=int32)
        yield make("channels", sampling.int8((1, 3, 4, 9)), axis=3, dtype=int32)
        yield make("rows", sampling.int8((7, 5)), axis=0, dtype=int32)
        yield make("inside", sampling.int8((2, 13, 3)), axis=1, dtype=int32)
        yield make("kept", sampling.int8((2, 13, 3)), axis=1, keep_dims=True, dtype=int32)
        yield make("last_one", sampling.int8((9, 40)), axis=1, last=True)
        yield make("f32_last_axis", sampling.float32((6, 11)), axis=-1, dtype=int32)
        yield make("f32_inside", sampling.float32((2, 13, 3)), axis=1, dtype=int32)
        yield make("f32_last_one", sampling.float32((2, 13, 3)), axis=1, last=True, keep_dims=True)
        yield make("i32_last_axis", TensorType(int32, (6, 11)), axis=1)
