"""TOPK_V2: the largest or smallest elements along an axis, and where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Target
from microgen.ops.constraints import short
from microgen.ops.movement import axis_in, present, unequal_quantization
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class TopK(Op):
    """Two outputs: the ``k`` largest (or smallest) elements along ``axis``, in order, and their indices as ``dtype``.

    Of equal elements the one with the lower index comes first. They are in order whether ``sorted`` or not. It is
    computed by the host runtime alone.
    """

    axis: int
    k: int
    largest: bool = True
    sorted: bool = True
    dtype: DType = DType.INT64

    name: ClassVar[str] = "TopK"
    tflite: ClassVar[tuple[str, ...]] = ("TOPK_V2",)
    tflite_options: ClassVar[str | None] = "TopKV2Options"
    onnx: ClassVar[tuple[str, ...]] = ("TopK",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        counts = source.integers(1)
        if len(counts) != 1 or len(source.outputs) != 2:
            raise VerifyError(f"has {len(counts)} counts and {len(source.outputs)} outputs, not 1 and 2")
        return cls(-1, counts[0], dtype=source.outputs[1].type.dtype), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        rank = len(node.input(0).shape)
        if axis_in(self.axis, rank) != rank - 1 or not self.largest:
            raise VerifyError("TensorFlow Lite has only the largest along the last axis", where=node.label)
        k = sampling.constant("k", np.array(self.k, np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), k), self.tflite_options, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        counts = (source.integer("k"),) if source.opset < 10 else source.integers(1)
        if len(counts) != 1:
            raise VerifyError(f"has {len(counts)} values of k, not 1")
        largest, in_order = bool(source.integer("largest", 1)), bool(source.integer("sorted", 1))
        return cls(source.integer("axis", -1), counts[0], largest, in_order), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        if self.dtype is not DType.INT64:
            raise VerifyError(f"ONNX's TopK gives int64 indices, not {self.dtype}", where=node.label)
        attributes = {"axis": self.axis, "largest": int(self.largest), "sorted": int(self.sorted)}
        return OnnxForm("TopK", (node.input(0), constant_input("k", np.array([self.k], np.int64))), attributes)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        axis = axis_in(self.axis, len(source.shape))
        if not 1 <= self.k <= source.shape[axis]:
            raise VerifyError(f"there are no {self.k} of {source.shape[axis]} elements")
        if self.dtype not in (DType.INT16, DType.INT32, DType.INT64):
            raise VerifyError(f"indices cannot be {self.dtype}")
        shape = (*source.shape[:axis], self.k, *source.shape[axis + 1 :])
        return ((source.type.dtype, shape), (self.dtype, shape))

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and first output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.outputs[0])

    @device_constraint
    def on_the_device(self, node: Node) -> str | None:
        """its operands are constants, for there is no kernel in C"""
        computed = next((v for v in node.inputs if v is not None and not v.is_const), node.outputs[0])
        return f"{short(computed)} is computed"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        axis = axis_in(self.axis, len(node.input(0).shape)) + 1
        if self.largest:
            # The last of a stable ascending order, from the reversed data so that lower indices come first.
            order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
        else:
            order = np.argsort(x, axis=axis, kind="stable")
        chosen = np.take(order, np.arange(self.k), axis=axis)
        return [np.take_along_axis(x, chosen, axis=axis), chosen.astype(self.dtype.numpy)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        raise VerifyError("there is no kernel in C", where=node.label)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, op: TopK, source: TensorType) -> Sample:
            types = op.infer(Node(op, (Value("x", source),), (), id))
            outputs = [TensorType(types[0][0], types[0][1], source.quant), TensorType(*types[1])]
            return sampling.single(op, id, [source], outputs)

        yield make("last", cls(-1, 3, dtype=DType.INT32), sampling.int8((4, 9)))
        yield make("f32_last", cls(-1, 4, dtype=DType.INT32), sampling.float32((3, 11)))
        yield make("f32_first", cls(0, 2), sampling.float32((5, 3)))
        yield make("f32_smallest", cls(1, 2, largest=False), sampling.float32((2, 6, 3)))
