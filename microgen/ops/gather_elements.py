"""GatherElements: single elements along an axis, one for each of a tensor of indices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Const, Input, Int, Output, Target
from microgen.ops.constraints import not_constant
from microgen.ops.movement import (
    Places,
    axis_in,
    check_constant_indices,
    in_range,
    present,
    together,
    unequal_quantization,
    wrong_indices,
)
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule


@dataclass(frozen=True)
class GatherElements(Op):
    """Element [i, j, …] is the data's (input 0) with index [i, j, …] (input 1) in place of the one of ``axis``.

    Indices may count from the end; ones that are computed at run time and lie outside give the nearest inside.
    """

    axis: int = 0

    name: ClassVar[str] = "GatherElements"
    onnx: ClassVar[tuple[str, ...]] = ("GatherElements",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.integer("axis", 0)), (source.input(0), source.input(1))

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("GatherElements", node.inputs, {"axis": self.axis})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        data, indices = node.input(0), node.input(1)
        axis = axis_in(self.axis, len(data.shape))
        check_element_indices(data.shape, indices, axis)
        return ((data.type.dtype, indices.shape),)

    @constraint
    def integer_indices(self, node: Node) -> str | None:
        """indices are int32 or int64"""
        return wrong_indices(node.input(1))

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.output)

    @device_constraint
    def constant_indices(self, node: Node) -> str | None:
        """indices are known at compile time"""
        return not_constant(node.input(1))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        data, indices = together(*present(inputs))
        places = element_places(node.input(0).shape, indices, axis_in(self.axis, len(node.input(0).shape)))
        flat = data.reshape(len(data), -1)
        return [np.take_along_axis(flat, places.reshape(len(data), -1), axis=1).reshape(indices.shape)]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched=frozenset({1}), tied=True)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        data = node.input(0)
        axis = axis_in(self.axis, len(data.shape))
        places = element_places(data.shape, node.input(1).const[None], axis).reshape(-1).astype(np.int32)
        numbers = (1, 1, data.type.elements, data.type.dtype.size, places.size)
        return (Call("mg_gather_s32", (Input(0), Const("places", places), Output(), *map(Int, numbers))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], axis: int, indices: list[object], kind: DType) -> Sample:
            source = sampling.int8(shape) if kind is DType.INT8 else TensorType(kind, shape)
            chosen = sampling.constant("indices", np.array(indices, np.int64))
            return sampling.single(cls(axis), id, [source, chosen], source.quant)

        yield make("rows", (4, 3), 0, [[3, 0, 1], [2, 2, 0]], DType.INT8)
        yield make("columns", (2, 5), 1, [[4, 0, 1], [2, 2, 3]], DType.INT8)
        yield make("f32_rows", (4, 3), 0, [[3, 0, 1], [2, 2, 0]], DType.FLOAT32)
        yield make("f32_from_the_end", (2, 5), -1, [[-1, 0], [2, -5]], DType.FLOAT32)


def check_element_indices(shape: tuple[int, ...], indices: Value, axis: int) -> None:
    """VerifyError unless the indices' shape fits into ``shape`` but for ``axis``, and known ones are inside of it."""
    if len(indices.shape) != len(shape) or any(
        i != axis and n > m for i, (n, m) in enumerate(zip(indices.shape, shape, strict=True))
    ):
        raise VerifyError(f"indices of shape {list(indices.shape)} do not go with data of shape {list(shape)}")
    check_constant_indices(indices, shape[axis])


def element_places(shape: tuple[int, ...], indices: Array, axis: int) -> Places:
    """The place in a contiguous tensor of ``shape`` of every index [samples, ...] along ``axis``."""
    place = np.zeros(indices.shape, np.int64)
    for i, length in enumerate(shape):
        along = np.arange(indices.shape[i + 1], dtype=np.int64).reshape(-1, *(1,) * (len(shape) - 1 - i))
        at = in_range(indices, length) if i == axis else along
        place = place * length + at
    return place
