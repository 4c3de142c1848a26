"""EXPAND_DIMS: a dimension of length 1 put into a shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.reshape import View
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class ExpandDims(View):
    """``axis`` is the new dimension's index in the output; it may count from the end."""

    axis: int = 0

    name: ClassVar[str] = "ExpandDims"
    tflite: ClassVar[tuple[str, ...]] = ("EXPAND_DIMS",)
    tflite_options: ClassVar[str | None] = "ExpandDimsOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        axes = source.integers(1)
        if len(axes) != 1:
            raise VerifyError(f"has {len(axes)} axes, not 1")
        return cls(axes[0]), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        axis = sampling.constant("axis", np.array([self.axis], dtype=np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), axis), self.tflite_options)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        rank = len(source.shape) + 1
        if not -rank <= self.axis < rank:
            raise VerifyError(f"axis {self.axis} does not exist in an output of rank {rank}")
        axis = self.axis % rank
        return ((source.type.dtype, (*source.shape[:axis], 1, *source.shape[axis:])),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for axis in (0, 1, 2, -1, -2, -3):
            source = sampling.int8((3, 4))
            yield sampling.single(cls(axis), f"axis_{axis}", [source], source.quant)
