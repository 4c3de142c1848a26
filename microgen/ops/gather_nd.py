"""GATHER_ND: parts of a tensor, each chosen by a list of indices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Const, Input, Int, Output, Struct, Target
from microgen.ops.movement import (
    Places,
    in_range,
    int64_indices,
    present,
    together,
    unequal_quantization,
    wrong_indices,
)
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the kernel's parameter block.
_RANK = 6


@dataclass(frozen=True)
class GatherND(Op):
    """The last dimension of the indices (input 1) holds indices of the data's dimensions behind the first
    ``batch_dims``, which both share.

    Indices may count from the end; ones that are computed at run time and lie outside give the nearest inside.
    """

    batch_dims: int = 0

    name: ClassVar[str] = "GatherND"
    tflite: ClassVar[tuple[str, ...]] = ("GATHER_ND",)
    tflite_options: ClassVar[str | None] = "GatherNdOptions"
    onnx: ClassVar[tuple[str, ...]] = ("GatherND",)
    mindspore: ClassVar[tuple[str, ...]] = ("GatherNd",)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if self.batch_dims:
            raise VerifyError("TensorFlow Lite's GATHER_ND has no batch dimensions", where=node.label)
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0), source.input(1))

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.integer("batch_dims", 0)), (source.input(0), source.input(1))

    def to_onnx(self, node: Node) -> OnnxForm:
        indices = int64_indices(node.input(1), node.label)
        return OnnxForm("GatherND", (node.input(0), indices), {"batch_dims": self.batch_dims})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        data, indices = node.input(0), node.input(1)
        batch = self.batch_dims
        if not indices.shape:
            raise VerifyError("the indices have no dimension")
        depth = indices.shape[-1]
        shared = 0 <= batch < len(indices.shape) and data.shape[:batch] == indices.shape[:batch]
        if not shared or batch + depth > len(data.shape):
            raise VerifyError(
                f"indices of shape {list(indices.shape)} do not go with data of shape {list(data.shape)} and {batch} "
                f"batch dimensions"
            )
        check_constant_tuples(indices, data.shape[batch : batch + depth])
        return ((data.type.dtype, (*indices.shape[:-1], *data.shape[batch + depth :])),)

    @constraint
    def integer_indices(self, node: Node) -> str | None:
        """indices are int32 or int64"""
        return wrong_indices(node.input(1))

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.output)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        data, indices = together(*present(inputs))
        places = self._places(node, indices)
        inner = data.reshape(len(data), -1, data[0].size // self._positions(node))
        taken = [one[which] for one, which in zip(inner, places, strict=True)]
        return [np.stack(taken).reshape(len(data), *node.output.shape)]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched=frozenset({1}), tied=True)

    def _positions(self, node: Node) -> int:
        """How many positions the batch and indexed dimensions have together."""
        depth = node.input(1).shape[-1]
        return int(np.prod(node.input(0).shape[: self.batch_dims + depth], dtype=np.int64))

    def _places(self, node: Node, indices: Array) -> Places:
        """[samples, entries]: the position of every part among those of the batch and indexed dimensions."""
        shape, batch = node.input(0).shape, self.batch_dims
        return flat_places(indices, shape[batch : batch + indices.shape[-1]], batch)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        if not node.input(1).is_const:
            return (Call("mg_gather_nd", (self._params(node), Input(0), Input(1), Output())),)
        places = self._places(node, node.input(1).const[None])[0].astype(np.int32)
        positions = self._positions(node)
        numbers = (1, 1, positions, node.input(0).type.nbytes // positions, places.size)
        return (Call("mg_gather_s32", (Input(0), Const("places", places), Output(), *map(Int, numbers))),)

    def _params(self, node: Node) -> Struct:
        """The parameters of the kernel that looks at indices itself."""
        data, indices = node.input(0), node.input(1)
        depth, batches = indices.shape[-1], math.prod(data.shape[: self.batch_dims])
        lengths = data.shape[self.batch_dims : self.batch_dims + depth]
        numbers = {
            "depth": depth,
            "wide": int(indices.type.dtype is DType.INT64),
            "batches": batches,
            "count": math.prod(indices.shape[:-1]) // batches,
            "positions": math.prod(lengths),
            "bytes": data.type.nbytes // self._positions(node),
        }
        padded = tuple(map(Int, (*lengths, *(1,) * (_RANK - depth))))
        return Struct(
            "mg_gather_nd_params", (("lengths", padded), *((name, Int(value)) for name, value in numbers.items()))
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str, shape: tuple[int, ...], indices: list[object], batch_dims: int = 0, dtype: DType = DType.INT8
        ) -> Sample:
            source = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            chosen = sampling.constant("indices", np.array(indices, np.int32))
            return sampling.single(cls(batch_dims), id, [source, chosen], source.quant)

        yield make("elements", (3, 4), [[0, 1], [2, 3], [1, 0]])
        yield make("rows", (3, 4), [[2], [0]])
        yield make("nested", (3, 4, 2), [[[0, 1]], [[2, 3]]])
        yield make("f32_elements", (3, 4), [[0, 1], [2, 3], [1, 0]], dtype=DType.FLOAT32)
        yield make("f32_rows", (3, 4, 2), [[2], [0]], dtype=DType.FLOAT32)
        quantized = sampling.int8((100, 3))
        yield sampling.single(cls(), "outside", [quantized, TensorType(DType.INT32, (9, 1))], quantized.quant)
        operands = [sampling.float32((2, 101, 3)), TensorType(DType.INT64, (2, 5, 1))]
        yield sampling.single(cls(1), "f32_computed", operands, None)
        yield make("f32_batches", (2, 3, 4), [[1], [2]], 1, DType.FLOAT32)
        yield make("f32_from_the_end", (3, 4), [[-1, -1], [0, -4]], dtype=DType.FLOAT32)


def check_constant_tuples(indices: Value, lengths: Sequence[int]) -> None:
    """VerifyError when tuples of indices that are known at compile time leave dimensions of those lengths."""
    if not indices.is_const or indices.const.dtype.kind not in "iu":
        return
    limits = np.array(lengths, np.int64)
    wide = indices.const.astype(np.int64)
    if ((wide < -limits) | (wide >= limits)).any():
        raise VerifyError(f"indices of {indices.name!r} are outside of dimensions {list(lengths)}")


def flat_places(indices: Array, lengths: Sequence[int], batch_dims: int = 0) -> Places:
    """[samples, entries]: places in a tensor of leading dimensions ``lengths`` from tuples of indices [samples, ...,
    len(lengths)]; the first ``batch_dims`` dimensions of the indices come in front of them, one after the other.
    """
    place = np.zeros(indices.shape[:-1], np.int64)
    for i, length in enumerate(lengths):
        place = place * length + in_range(indices[..., i], length)
    size = int(np.prod(lengths, dtype=np.int64))
    batches = int(np.prod(indices.shape[1 : 1 + batch_dims], dtype=np.int64))
    places = place.reshape(len(indices), batches, -1) + (np.arange(batches) * size)[:, None]
    result: Places = places.reshape(len(indices), -1)
    return result
