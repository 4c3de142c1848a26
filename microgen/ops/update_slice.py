"""DYNAMIC_UPDATE_SLICE: a tensor with a part replaced, whose place is computed at run time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, carried, constraint
from microgen.ops.call import Call, Input, Int, Output, Struct, Target
from microgen.ops.movement import present, together, unequal_quantization, wrong_indices
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the kernel's parameter block.
_RANK = 6


@dataclass(frozen=True)
class UpdateSlice(Op):
    """Input 0 with input 1, of the same rank, from the position on that input 2 says (one index for each dimension).

    Indices are moved to the nearest at which all of the update lies inside.
    """

    name: ClassVar[str] = "UpdateSlice"
    tflite: ClassVar[tuple[str, ...]] = ("DYNAMIC_UPDATE_SLICE",)
    tflite_options: ClassVar[str | None] = "DynamicUpdateSliceOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), (source.input(0), source.input(1), source.input(2))

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        whole, update, start = (node.input(i) for i in range(3))
        if whole.type.dtype is not update.type.dtype:
            raise VerifyError(f"the tensor is {whole.type.dtype}, its update {update.type.dtype}")
        fits = len(whole.shape) == len(update.shape) and all(map(int.__le__, update.shape, whole.shape))
        if not fits or not whole.shape:
            raise VerifyError(f"an update of {list(update.shape)} does not fit into {list(whole.shape)}")
        if start.shape != (len(whole.shape),):
            raise VerifyError(f"{list(start.shape)} indices do not name a place in {list(whole.shape)}")
        return ((whole.type.dtype, whole.shape),)

    @constraint
    def integer_indices(self, node: Node) -> str | None:
        """indices are int32 or int64"""
        return wrong_indices(node.input(2))

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """input, update and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(0), node.input(1), node.output)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        whole, updates, starts = together(*present(inputs))
        result = np.array(whole)
        shape = node.input(1).shape
        for out, update, start in zip(result, updates, starts, strict=True):
            first = np.clip(start.astype(np.int64), 0, np.subtract(out.shape, shape))
            out[tuple(slice(i, i + n) for i, n in zip(first.tolist(), shape, strict=True))] = update
        return [result]

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(untouched=frozenset({2}), tied=True)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        whole, update, start = (node.input(i) for i in range(3))
        size, missing = whole.type.dtype.size, _RANK - len(whole.shape)
        strides = [size * math.prod(whole.shape[i + 1 :]) for i in range(len(whole.shape))]
        most = [n - m for n, m in zip(whole.shape, update.shape, strict=True)]

        def padded(numbers: Sequence[int], fill: int) -> tuple[Int, ...]:
            return tuple(map(Int, (*(fill,) * missing, *numbers)))

        params = Struct(
            "mg_update_slice_params",
            (
                ("dims", padded(update.shape, 1)),
                ("strides", padded(strides, 0)),
                ("most", padded(most, 0)),
                ("rank", Int(len(whole.shape))),
                ("bytes", Int(size * update.shape[-1])),
                ("wide", Int(int(start.type.dtype is DType.INT64))),
            ),
        )
        return (carried(node, 0, 0), Call("mg_update_slice", (params, Input(1), Input(2), Output())))

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(
            id: str,
            whole: tuple[int, ...],
            update: tuple[int, ...],
            start: tuple[int, ...] | None,
            kind: DType = DType.INT32,
            dtype: DType = DType.INT8,
        ) -> Sample:
            types = [sampling.int8(s) if dtype is DType.INT8 else TensorType(dtype, s) for s in (whole, update)]
            where: TensorType | Value = TensorType(kind, (len(whole),))
            if start is not None:
                where = sampling.constant("start", np.array(start, kind.numpy))
            return sampling.single(cls(), id, [*types, where], types[0].quant)

        yield make("inside", (4, 5, 3), (2, 3, 2), (1, 2, 0))
        yield make("outside", (4, 5), (2, 2), (9, -3), DType.INT64)
        yield make("everything", (3, 4), (3, 4), (0, 0))
        yield make("rank_6", (2, 1, 3, 2, 2, 3), (1, 1, 2, 1, 2, 2), (1, 0, 1, 0, 0, 1))
        yield make("computed", (150, 7), (2, 3), None)
        yield make("f32_computed", (150,), (20,), None, DType.INT64, DType.FLOAT32)
        yield make("i32_row", (4, 5), (1, 5), (2, 0), dtype=DType.INT32)
