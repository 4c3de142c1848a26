"""BROADCAST_TO, FILL, ZEROS_LIKE: a tensor repeated along dimensions of length 1 and new leading ones."""

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
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import Movement, shape_permuted
from microgen.ops.onnx_form import OnnxForm, constant_input
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class BroadcastTo(Movement):
    """The input, aligned at its last dimension, repeated to ``shape``."""

    shape: tuple[int, ...]

    name: ClassVar[str] = "BroadcastTo"
    tflite: ClassVar[tuple[str, ...]] = ("BROADCAST_TO", "FILL", "ZEROS_LIKE")
    tflite_options: ClassVar[str | None] = "BroadcastToOptions"

    @classmethod
    def tflite_table(cls, operator: str) -> str | None:
        tables = {"FILL": "FillOptions", "ZEROS_LIKE": "ZerosLikeOptions"}
        return tables.get(operator, cls.tflite_options)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        if source.operator == "FILL":
            if source.input(1).type.elements != 1:
                raise VerifyError(f"is to fill with {list(source.input(1).shape)} numbers, not with one")
            return cls(source.integers(0)), (source.input(1),)
        if source.operator == "ZEROS_LIKE":
            # Bytes of 0, whatever they stand for.
            kind = source.outputs[0].type
            zero = Value(
                f"{source.outputs[0].name}/zero", dataclasses.replace(kind, shape=()), np.zeros((), kind.dtype.numpy)
            )
            return cls(source.input(0).shape), (zero,)
        return cls(source.integers(1)), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        shape = sampling.constant("shape", np.array(self.shape, np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), shape), self.tflite_options, version=2)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Expand", (node.input(0), constant_input("shape", np.array(self.shape, np.int64))))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        try:
            fits = np.broadcast_shapes(source.shape, self.shape) == self.shape
        except ValueError:
            fits = False
        if not fits:
            raise VerifyError(f"{list(source.shape)} does not broadcast to {list(self.shape)}")
        return ((source.type.dtype, self.shape),)

    def views(self, node: Node, x: Array) -> list[Array]:
        missing = len(self.shape) - len(node.input(0).shape)
        aligned = x.reshape(len(x), *(1,) * missing, *node.input(0).shape)
        return [np.broadcast_to(aligned, (len(x), *self.shape))]

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        if len(permutation) != len(self.shape):
            return None
        return Permuted(BroadcastTo(shape_permuted(self.shape, permutation)), (permutation,), (permutation,))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, before: tuple[int, ...], after: tuple[int, ...], dtype: DType = DType.INT8) -> Sample:
            source = sampling.int8(before) if dtype is DType.INT8 else TensorType(dtype, before)
            return sampling.single(cls(after), id, [source], source.quant)

        yield make("channels", (1, 1, 1, 5), (1, 3, 4, 5))
        yield make("rows", (1, 3, 1, 1), (1, 3, 4, 5))
        yield make("image", (1, 3, 4, 1), (2, 3, 4, 5))
        yield make("apart", (2, 1, 4, 1), (2, 3, 4, 5))
        yield make("new_dimensions", (5,), (2, 3, 5))
        yield make("one", (1,), (7,))
        yield make("nothing", (3, 4), (3, 4))
        yield make("f32_channels", (1, 1, 1, 5), (1, 3, 4, 5), dtype=DType.FLOAT32)
        yield make("f32_apart", (2, 1, 4, 1), (2, 3, 4, 5), dtype=DType.FLOAT32)
        yield make("i32_rows", (3, 1), (3, 4), dtype=DType.INT32)
