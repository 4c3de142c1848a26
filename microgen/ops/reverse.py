"""REVERSE_V2: dimensions from back to front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import Movement, axes_in
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Reverse(Movement):
    """The elements along each of ``axes``, which may count from the end, in opposite order."""

    axes: tuple[int, ...]

    name: ClassVar[str] = "Reverse"
    tflite: ClassVar[tuple[str, ...]] = ("REVERSE_V2",)
    tflite_options: ClassVar[str | None] = "ReverseV2Options"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.integers(1)), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        axes = sampling.constant("axes", np.array(self.axes, np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), axes), self.tflite_options, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        axes_in(self.axes, len(source.shape))
        return ((source.type.dtype, source.shape),)

    def views(self, node: Node, x: Array) -> list[Array]:
        axes = axes_in(self.axes, len(node.input(0).shape))
        return [np.flip(x, tuple(axis + 1 for axis in axes))]

    def is_identity(self, node: Node) -> bool:
        shape = node.input(0).shape
        same = all(shape[axis] == 1 for axis in axes_in(self.axes, len(shape)))
        return same and node.input(0).type == node.output.type

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axes = sorted(permutation.index(axis) for axis in axes_in(self.axes, len(permutation)))
        return Permuted(Reverse(tuple(axes)), (permutation,), (permutation,))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], *axes: int, dtype: DType = DType.INT8) -> Sample:
            source = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            return sampling.single(cls(axes), id, [source], source.quant)

        yield make("vector", (7,), 0)
        yield make("rows", (1, 3, 4, 5), 1)
        yield make("columns", (1, 3, 4, 5), 2)
        yield make("channels", (1, 3, 4, 5), 3)
        yield make("several", (2, 3, 4), 1, 2)
        yield make("everything", (2, 3, 4), 0, 1, 2)
        yield make("f32_columns", (1, 3, 4, 5), 2, dtype=DType.FLOAT32)
        yield make("f32_channels", (1, 3, 4, 5), 3, dtype=DType.FLOAT32)
        yield make("i32_vector", (7,), 0, dtype=DType.INT32)
