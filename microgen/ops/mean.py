"""MEAN: the mean over any dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, QuantParams, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, FieldValue, Input, Int, Output, Struct, Target, ints
from microgen.ops.convolution import quantized_int8
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

# Dimensions of the kernel's parameter block.
_RANK = 6


@dataclass(frozen=True)
class Mean(Op):
    """The mean over ``axes``, ascending and without duplicates, which become 1 or, without ``keep_dims``, vanish."""

    axes: tuple[int, ...]
    keep_dims: bool = False

    name: ClassVar[str] = "Mean"
    tflite: ClassVar[tuple[str, ...]] = ("MEAN",)
    tflite_options: ClassVar[str | None] = "ReducerOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        rank = len(source.input(0).shape)
        axes = source.integers(1)
        bad = next((axis for axis in axes if not -rank <= axis < rank), None)
        if bad is not None:
            raise VerifyError(f"axis {bad} is outside of the input's {rank} dimensions")
        ascending = tuple(sorted({axis % rank for axis in axes}))
        return cls(ascending, bool(source.option("KeepDims"))), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        axes = sampling_free_constant(f"{node.name}_axes", np.array(self.axes, np.int32))
        return TFLiteForm(
            self.tflite[0], (node.input(0), axes), self.tflite_options, {"KeepDims": self.keep_dims}, version=2
        )

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        rank = len(source.shape)
        if list(self.axes) != sorted({axis for axis in self.axes if 0 <= axis < rank}):
            raise VerifyError(f"axes {list(self.axes)} are not ascending dimensions of {list(source.shape)}")
        if self.keep_dims:
            shape = tuple(1 if i in self.axes else size for i, size in enumerate(source.shape))
        else:
            shape = tuple(size for i, size in enumerate(source.shape) if i not in self.axes)
        return ((source.type.dtype, shape),)
