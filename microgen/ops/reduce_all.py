"""REDUCE_ALL: whether all truth values are true, over any dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.mindir import Array, DType, Node, TensorType
from microgen.ops import sampling
from microgen.ops.base import Sample, constraint, device_constraint
from microgen.ops.call import Call, Input, Output, Struct, Target
from microgen.ops.constraints import short
from microgen.ops.quantization import QuantRule
from microgen.ops.reduction import Reduction


@dataclass(frozen=True)
class ReduceAll(Reduction):
    """Whether all values over ``axes`` are true; see ``Reduction``."""

    name: ClassVar[str] = "ReduceAll"
    tflite: ClassVar[tuple[str, ...]] = ("REDUCE_ALL",)

    @constraint
    def types(self, node: Node) -> str | None:
        """input and output are bool"""
        dtype = node.input(0).type.dtype
        return None if dtype is DType.BOOL else f"{short(node.input(0))} is {dtype}"

    @device_constraint
    def device_types(self, node: Node) -> str | None:
        """input and output are bool"""
        return None

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        result: Array = np.all(x, axis=axes)
        return result

    def reduce_quantized(self, node: Node, x: Array, axes: tuple[int, ...]) -> Array:
        raise NotImplementedError  # truth values are never quantized

    def lower_quantized(self, node: Node) -> Call:
        raise NotImplementedError

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        # Of the bytes 0 and 1 the smallest.
        params = Struct("mg_reduce_s8_params", self.loop_fields(node))
        return (Call("mg_reduce_min_s8", (params, Input(0), Output())),)

    def quant_rule(self, node: Node) -> QuantRule | None:
        return None

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for id, axes, shape in (("rows", (0,), (2, 40)), ("last", (2,), (3, 20, 2)), ("apart", (0, 2), (2, 30, 2))):
            yield sampling.single(cls(axes), id, [TensorType(DType.BOOL, shape)], None)
        yield sampling.single(cls((1,), True), "keep_dims", [TensorType(DType.BOOL, (20, 2, 3))], None)
