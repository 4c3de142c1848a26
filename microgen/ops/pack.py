"""PACK: tensors of one shape side by side along a new dimension."""

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
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import axis_in, unequal_quantization
from microgen.ops.quantization import QuantRule
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Pack(Op):
    """``axis`` is the new dimension's index in the output; it may count from the end."""

    axis: int = 0

    name: ClassVar[str] = "Pack"
    tflite: ClassVar[tuple[str, ...]] = ("PACK",)
    tflite_options: ClassVar[str | None] = "PackOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        count = source.int_option("ValuesCount")
        if count != len(source.inputs):
            raise VerifyError(f"has {len(source.inputs)} inputs and not the {count} that its options name")
        return cls(source.int_option("Axis")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"ValuesCount": len(node.inputs), "Axis": self.axis}
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, options, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        if not node.inputs or None in node.inputs:
            raise VerifyError("an input is missing")
        first = node.input(0).type
        for value in node.inputs[1:]:
            assert value is not None
            if (value.type.dtype, value.shape) != (first.dtype, first.shape):
                found = f"{value.type.dtype} {list(value.shape)}"
                raise VerifyError(f"the inputs are {first.dtype} {list(first.shape)} and {found}")
        axis = axis_in(self.axis, len(first.shape) + 1)
        return ((first.dtype, (*first.shape[:axis], len(node.inputs), *first.shape[axis:])),)

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """all inputs and the output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.output, *(v for v in node.inputs if v is not None))

    def quant_rule(self, node: Node) -> QuantRule | None:
        return QuantRule(tied=True)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        arrays = [a for a in inputs if a is not None]
        samples = max(len(a) for a in arrays)
        full = [np.broadcast_to(a, (samples, *a.shape[1:])) for a in arrays]
        return [np.stack(full, axis=1 + axis_in(self.axis, len(node.output.shape)))]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        shape, size = node.input(0).shape, node.output.type.dtype.size
        axis = axis_in(self.axis, len(node.output.shape))
        outer, inner = math.prod(shape[:axis]), size * math.prod(shape[axis:])
        count = len(node.inputs)
        return tuple(
            Call("mg_concat", (Input(i), Output(), *map(Int, (outer, inner, count * inner, i * inner))))
            for i in range(count)
        )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, axis: int, shape: tuple[int, ...], count: int, dtype: DType = DType.INT8) -> Sample:
            kind = sampling.int8(shape) if dtype is DType.INT8 else TensorType(dtype, shape)
            return sampling.single(cls(axis), id, [kind] * count, kind.quant)

        yield make("front", 0, (3, 4), 2)
        yield make("inside", 1, (3, 4), 3)
        yield make("last", -1, (2, 3, 5), 2)
        yield make("numbers", 0, (), 3)
        yield make("f32_inside", 1, (3, 4), 2, DType.FLOAT32)
        yield make("i32_front", -3, (3, 4), 2, DType.INT32)
        yield make("i64_last", 2, (3, 4), 2, DType.INT64)
