"""SPLIT and SPLIT_V: a tensor cut into pieces along an axis."""

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
from microgen.ops.movement import Movement, axis_in
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Split(Movement):
    """One output for each of ``sizes``, in order along ``axis``, which may count from the end."""

    axis: int
    sizes: tuple[int, ...]

    name: ClassVar[str] = "Split"
    tflite: ClassVar[tuple[str, ...]] = ("SPLIT", "SPLIT_V")
    onnx: ClassVar[tuple[str, ...]] = ("Split",)

    @classmethod
    def tflite_table(cls, operator: str) -> str | None:
        return "SplitOptions" if operator == "SPLIT" else "SplitVOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        in_parts = source.operator == "SPLIT"
        data = source.input(1 if in_parts else 0)
        axes = source.integers(0 if in_parts else 2)
        if len(axes) != 1:
            raise VerifyError(f"has {len(axes)} axes, not 1")
        length = data.shape[axis_in(axes[0], len(data.shape))]
        if in_parts:
            sizes = equal_parts(length, len(source.outputs), exact=True)
        else:
            sizes = source.integers(1)
            if sizes.count(-1) == 1:  # what the others leave
                sizes = tuple(length - sum(sizes) - 1 if n == -1 else n for n in sizes)
        return cls(axes[0], sizes), (data,)

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"NumSplits": len(self.sizes)}
        axis = sampling.constant("axis", np.array(self.axis, np.int32))
        if len(set(self.sizes)) == 1:
            return TFLiteForm("SPLIT", (axis, node.input(0)), "SplitOptions", options, version=2)
        sizes = sampling.constant("sizes", np.array(self.sizes, np.int32))
        return TFLiteForm("SPLIT_V", (node.input(0), sizes, axis), "SplitVOptions", options, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        data = source.input(0)
        axis = source.integer("axis", 0)
        length = data.shape[axis_in(axis, len(data.shape))]
        if source.has("split"):
            sizes = source.integer_list("split")
        elif source.optional(1) is not None:
            sizes = source.integers(1)
        elif source.has("num_outputs"):
            sizes = equal_parts(length, source.integer("num_outputs"), exact=False)
        else:
            sizes = equal_parts(length, source.outputs, exact=True)
        return cls(axis, sizes), (data,)

    def to_onnx(self, node: Node) -> OnnxForm:
        sizes = constant_input("split", np.array(self.sizes, np.int64))
        return OnnxForm("Split", (node.input(0), sizes), {"axis": self.axis})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        axis = axis_in(self.axis, len(source.shape))
        if not self.sizes or min(self.sizes) < 1 or sum(self.sizes) != source.shape[axis]:
            raise VerifyError(f"parts of {list(self.sizes)} do not make up axis {axis} of {list(source.shape)}")
        before, after = source.shape[:axis], source.shape[axis + 1 :]
        return tuple((source.type.dtype, (*before, size, *after)) for size in self.sizes)

    def views(self, node: Node, x: Array) -> list[Array]:
        axis = axis_in(self.axis, len(node.input(0).shape))
        return list(np.split(x, np.cumsum(self.sizes)[:-1], axis=axis + 1))

    def is_identity(self, node: Node) -> bool:
        return len(self.sizes) == 1 and node.input(0).type == node.output.type

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axis = permutation.index(axis_in(self.axis, len(permutation)))
        return Permuted(dataclasses.replace(self, axis=axis), (permutation,), (permutation,) * len(self.sizes))

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], axis: int, *sizes: int, dtype: DType = DType.INT8) -> Sample:
            source = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            draft = Node(cls(axis, sizes), (Value("x", source),), (), "draft")
            outputs = [TensorType(d, s, source.quant) for d, s in cls(axis, sizes).infer(draft)]
            return sampling.single(cls(axis, sizes), id, [source], outputs)

        for axis in range(4):
            yield make(f"axis_{axis}", (4, 6, 8, 10), axis, *((2 + axis,) * 2))
        yield make("channels", (1, 4, 5, 9), 3, 3, 3, 3)
        yield make("from_the_end", (2, 6, 4), -2, 2, 2, 2)
        yield make("unequal", (2, 7, 3), 1, 1, 4, 2)
        yield make("unequal_from_the_end", (2, 3, 7), -1, 5, 2)
        yield make("vector", (9,), 0, 4, 5)
        yield make("f32_channels", (1, 4, 5, 9), 3, 3, 3, 3, dtype=DType.FLOAT32)
        yield make("f32_unequal", (2, 7, 3), 1, 1, 4, 2, dtype=DType.FLOAT32)
        yield make("i32_rows", (6, 5), 0, 3, 3, dtype=DType.INT32)


def equal_parts(length: int, parts: int, *, exact: bool) -> tuple[int, ...]:
    """Sizes of ``parts`` pieces of a dimension; the last is smaller where that does not divide, unless ``exact``."""
    if parts < 1 or parts > length or (exact and length % parts):
        raise VerifyError(f"a dimension of {length} does not split into {parts} parts")
    size = -(-length // parts)
    last = length - size * (parts - 1)
    if last < 1:
        raise VerifyError(f"a dimension of {length} does not split into {parts} parts of {size}")
    return (*(size,) * (parts - 1), last)
