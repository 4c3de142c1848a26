"""TILE: a tensor repeated as a whole along its dimensions."""

from __future__ import annotations

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
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Tile(Movement):
    """``multiples`` holds how often the input is repeated along each of its dimensions."""

    multiples: tuple[int, ...]

    name: ClassVar[str] = "Tile"
    tflite: ClassVar[tuple[str, ...]] = ("TILE",)
    tflite_options: ClassVar[str | None] = "TileOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Tile",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.integers(1)), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        multiples = sampling.constant("multiples", np.array(self.multiples, np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), multiples), self.tflite_options, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.integers(1)), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Tile", (node.input(0), constant_input("repeats", np.array(self.multiples, np.int64))))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(self.multiples) != len(source.shape) or any(m < 1 for m in self.multiples):
            raise VerifyError(f"multiples {list(self.multiples)} do not go with shape {list(source.shape)}")
        return ((source.type.dtype, tuple(n * m for n, m in zip(source.shape, self.multiples, strict=True))),)

    def views(self, node: Node, x: Array) -> list[Array]:
        shape = node.input(0).shape
        once = [d for n in shape for d in (1, n)]
        often = [d for n, m in zip(shape, self.multiples, strict=True) for d in (m, n)]
        return [np.broadcast_to(x.reshape(len(x), *once), (len(x), *often))]

    def is_identity(self, node: Node) -> bool:
        return node.input(0).type == node.output.type

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        return Permuted(Tile(shape_permuted(self.multiples, permutation)), (permutation,), (permutation,))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], *multiples: int, dtype: DType = DType.INT8) -> Sample:
            source = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            return sampling.single(cls(multiples), id, [source], source.quant)

        yield make("vector", (5,), 3)
        yield make("rows", (2, 3), 4, 1)
        yield make("columns", (2, 3), 1, 3)
        yield make("everywhere", (1, 2, 3, 2), 2, 3, 2, 2)
        yield make("nothing", (3, 4), 1, 1)
        yield make("rank5", (2, 1, 3, 2, 2), 1, 4, 1, 2, 3)
        yield make("f32_columns", (2, 3), 1, 3, dtype=DType.FLOAT32)
        yield make("f32_everywhere", (2, 2, 3, 2), 2, 3, 2, 2, dtype=DType.FLOAT32)
        yield make("i64_rows", (2, 3), 4, 1, dtype=DType.INT64)
