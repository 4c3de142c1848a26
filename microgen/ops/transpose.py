"""TRANSPOSE: dimensions in another order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.movement import Movement, axis_in
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.reshape import Reshape
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Transpose(Movement):
    """Dimension i of the result is dimension ``permutation[i]`` of the input."""

    permutation: tuple[int, ...]

    name: ClassVar[str] = "Transpose"
    tflite: ClassVar[tuple[str, ...]] = ("TRANSPOSE",)
    tflite_options: ClassVar[str | None] = "TransposeOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Transpose",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        rank = len(source.input(0).shape)
        return cls(tuple(axis_in(axis, rank) for axis in source.integers(1))), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        permutation = sampling.constant("permutation", np.array(self.permutation, np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), permutation), self.tflite_options, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        rank = len(source.input(0).shape)
        return cls(source.integer_list("perm", tuple(reversed(range(rank))))), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Transpose", node.inputs, {"perm": self.permutation})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if sorted(self.permutation) != list(range(len(source.shape))):
            raise VerifyError(f"{list(self.permutation)} is no permutation of {len(source.shape)} dimensions")
        return ((source.type.dtype, tuple(source.shape[i] for i in self.permutation)),)

    def views(self, node: Node, x: Array) -> list[Array]:
        return [x.transpose(0, *(i + 1 for i in self.permutation))]

    def is_identity(self, node: Node) -> bool:
        return self.permutation == tuple(range(len(self.permutation))) and node.input(0).type == node.output.type

    def simplified(self, node: Node) -> Node | None:
        shape = node.input(0).shape
        long = [i for i in self.permutation if shape[i] > 1]
        if long != sorted(long) or self.is_identity(node) or node.input(0).type.quant != node.output.type.quant:
            return None
        # Only dimensions of length 1 move: the elements stay in order.
        return dataclasses.replace(node, op=Reshape(node.output.shape))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], *permutation: int, dtype: DType = DType.INT8) -> Sample:
            plain = TensorType(dtype, shape)
            source = sampling.int8(shape) if dtype is DType.INT8 else plain
            return sampling.single(cls(permutation), id, [source], source.quant)

        yield make("to_channels_first", (1, 5, 6, 3), 0, 3, 1, 2)
        yield make("to_channels_last", (1, 3, 5, 6), 0, 2, 3, 1)
        yield make("many_channels_first", (1, 3, 5, 37), 0, 3, 1, 2)
        yield make("many_channels_last", (1, 37, 5, 3), 0, 2, 3, 1)
        yield make("matrix", (7, 9), 1, 0)
        yield make("rows", (2, 3, 4, 5), 0, 2, 1, 3)
        yield make("reversed", (2, 3, 4, 5), 3, 2, 1, 0)
        yield make("same", (2, 3, 4), 0, 1, 2)
        yield make("ones_only", (1, 3, 1, 4), 1, 0, 3, 2)
        yield make("vector", (9,), 0)
        yield make("rank5", (2, 3, 1, 4, 3), 4, 1, 0, 3, 2)
        yield make("batches", (3, 4, 5), 1, 0, 2)
        yield make("f32_to_channels_first", (1, 5, 6, 3), 0, 3, 1, 2, dtype=DType.FLOAT32)
        yield make("f32_to_channels_last", (1, 3, 5, 6), 0, 2, 3, 1, dtype=DType.FLOAT32)
        yield make("f32_rows", (2, 3, 4, 5), 0, 2, 1, 3, dtype=DType.FLOAT32)
        yield make("f32_rank6", (2, 3, 2, 2, 3, 2), 5, 1, 3, 0, 2, 4, dtype=DType.FLOAT32)
        yield make("i16_matrix", (7, 9), 1, 0, dtype=DType.INT16)
        yield make("i32_matrix", (7, 9), 1, 0, dtype=DType.INT32)
        yield make("i64_matrix", (7, 9), 1, 0, dtype=DType.INT64)
        yield make("bool_matrix", (7, 9), 1, 0, dtype=DType.BOOL)
