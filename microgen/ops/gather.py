"""GATHER, EMBEDDING_LOOKUP: slices of a tensor along an axis, chosen by a tensor of indices."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.movement import (
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
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Gather(Op):
    """The result has the shape of the indices (input 1) in place of dimension ``axis`` of the data (input 0).

    Indices may count from the end; ones that are computed at run time and lie outside of the dimension give its
    nearest slice. ``axis`` may count from the end. The first ``batch_dims`` dimensions of both are the same, and each
    of these parts of the data has indices of its own.
    """

    axis: int = 0
    batch_dims: int = 0

    name: ClassVar[str] = "Gather"
    tflite: ClassVar[tuple[str, ...]] = ("GATHER", "EMBEDDING_LOOKUP")
    tflite_options: ClassVar[str | None] = "GatherOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Gather",)

    @classmethod
    def tflite_table(cls, operator: str) -> str | None:
        return None if operator == "EMBEDDING_LOOKUP" else cls.tflite_options

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        if source.operator == "EMBEDDING_LOOKUP":
            return cls(), (source.input(1), source.input(0))
        data, indices = source.input(0), source.input(1)
        batch_dims = source.int_option("BatchDims")
        batch_dims += len(indices.shape) if batch_dims < 0 else 0
        return cls(source.int_option("Axis"), batch_dims), (data, indices)

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"Axis": self.axis, "BatchDims": self.batch_dims}
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, options, version=2)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.integer("axis", 0)), (source.input(0), source.input(1))

    def to_onnx(self, node: Node) -> OnnxForm:
        if self.batch_dims:
            raise VerifyError("ONNX's Gather has no batch dimensions", where=node.label)
        return OnnxForm("Gather", node.inputs, {"axis": self.axis})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        data, indices = node.input(0), node.input(1)
        axis = axis_in(self.axis, len(data.shape))
        batch = self.batch_dims
        if not 0 <= batch <= min(axis, len(indices.shape)) or data.shape[:batch] != indices.shape[:batch]:
            raise VerifyError(
                f"indices of shape {list(indices.shape)} do not go with data of shape {list(data.shape)}, axis {axis} "
                f"and {batch} batch dimensions"
            )
        check_constant_indices(indices, data.shape[axis])
        return ((data.type.dtype, (*data.shape[:axis], *indices.shape[batch:], *data.shape[axis + 1 :])),)

    @constraint
    def integer_indices(self, node: Node) -> str | None:
        """indices are int32 or int64"""
        return wrong_indices(node.input(1))

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.output)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        data, indices = present(inputs)
        axis = axis_in(self.axis, len(node.input(0).shape))
        chosen = in_range(indices, node.input(0).shape[axis])
        if self.batch_dims:
            parts, which = together(data, chosen)
            return [self._batches(parts, which, axis).reshape(-1, *node.output.shape)]
        if len(indices) == 1:
            return [np.take(data, chosen[0], axis=axis + 1)]
        pairs = zip(*together(data, chosen), strict=True)
        return [np.stack([np.take(one, places, axis=axis) for one, places in pairs])]

    def _batches(self, data: Array, chosen: Array, axis: int) -> Array:
        """[samples · batches, …]: what each part takes by its own indices."""
        first = 1 + self.batch_dims
        parts = zip(data.reshape(-1, *data.shape[first:]), chosen.reshape(-1, *chosen.shape[first:]), strict=True)
        return np.stack([np.take(part, which, axis=axis - self.batch_dims) for part, which in parts])

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched=frozenset({1}), tied=True)

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        rank, chosen = len(node.input(0).shape), len(node.input(1).shape)
        if node.input(0).is_const or len(permutation) != rank or chosen > 1 or self.batch_dims:
            return None
        axis = axis_in(self.axis, rank)
        new = permutation.index(axis)
        if chosen == 1:
            output = permutation
        else:
            output = tuple(i - (i > axis) for i in permutation if i != axis)
        return Permuted(dataclasses.replace(self, axis=new), (permutation, None), (output,))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        data, indices = node.input(0), node.input(1)
        axis = axis_in(self.axis, len(data.shape))
        batches = math.prod(data.shape[: self.batch_dims])
        sizes = (
            batches,
            math.prod(data.shape[self.batch_dims : axis]),
            data.shape[axis],
            math.prod(data.shape[axis + 1 :]) * data.type.dtype.size,
            indices.type.elements // batches,
        )
        function = "mg_gather_s64" if indices.type.dtype is DType.INT64 else "mg_gather_s32"
        return (Call(function, (Input(0), Input(1), Output(), *map(Int, sizes))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            shape: tuple[int, ...],
            axis: int,
            indices: list[int] | int | list[list[int]],
            kind: str = "int32",
            dtype: DType = DType.INT8,
        ) -> Sample:
            source = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            chosen = sampling.constant("indices", np.array(indices, kind))
            return sampling.single(cls(axis), id, [source, chosen], source.quant)

        yield make("rows", (5, 4), 0, [4, 0, 2])
        yield make("columns", (3, 6), 1, [5, 5, 0, 1])
        yield make("channels", (1, 3, 4, 5), 3, [4, 2, 0])
        yield make("last", (1, 3, 4, 5), -1, [1, 3])
        yield make("one", (5, 7), 0, [3])
        yield make("scalar", (5, 7), 0, 3)
        yield make("scalar_inside", (2, 5, 7), 1, 2)
        yield make("matrix", (7, 3), 0, [[6, 5], [0, 1]])
        for id, axis, where in (("batches", 1, (2, 3)), ("batches_behind", 2, (2, 4)), ("batch_of_scalars", 1, (2,))):
            operands = [sampling.int8((2, 5, 4)), TensorType(DType.INT32, where)]
            chosen = sampling.constant("indices", sampling.rng(id).integers(0, 4, where).astype(np.int32))
            yield sampling.single(cls(axis, 1), id, [operands[0], chosen], operands[0].quant)
        yield make("f32_rows", (5, 4), 0, [4, 0, 2], dtype=DType.FLOAT32)
        yield make("f32_channels", (1, 3, 4, 5), 3, [4, 2, 0], dtype=DType.FLOAT32)
        yield make("f32_from_the_end", (5, 4), 0, [-1, 0, -5], "int64", DType.FLOAT32)
        yield make("i32_rows", (5, 7), 0, [3, 4], dtype=DType.INT32)
        for kind in (DType.INT32, DType.INT64):
            operands = [sampling.float32((101, 3)), TensorType(kind, (4, 5))]
            yield sampling.single(cls(0), f"f32_computed_{kind}", operands, None)
            # Most indices lie outside of the dimension.
            quantized = sampling.int8((2, 9, 3))
            outside = [quantized, TensorType(kind, (40,))]
            yield sampling.single(cls(1), f"outside_{kind}", outside, quantized.quant)
