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
from microgen.ops.layout import Permutation, Permuted
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.reshape import Reshape, View
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class ExpandDims(View):
    """``axis`` is the new dimension's index in the output; it may count from the end."""

    axis: int = 0

    name: ClassVar[str] = "ExpandDims"
    tflite: ClassVar[tuple[str, ...]] = ("EXPAND_DIMS",)
    tflite_options: ClassVar[str | None] = "ExpandDimsOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Unsqueeze",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        axes = source.integers(1)
        if len(axes) != 1:
            raise VerifyError(f"has {len(axes)} axes, not 1")
        return cls(axes[0]), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        axis = sampling.constant("axis", np.array([self.axis], dtype=np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), axis), self.tflite_options)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        x = source.input(0)
        axes = source.integer_list("axes") if source.opset < 13 else source.integers(1)
        if len(axes) == 1:
            return cls(axes[0]), (x,)
        rank = len(x.shape) + len(axes)
        new = {axis % rank for axis in axes if -rank <= axis < rank}
        if len(new) != len(axes) or not axes:
            raise VerifyError(f"axes {list(axes)} are not distinct dimensions of an output of rank {rank}")
        left = iter(x.shape)
        return Reshape(tuple(1 if i in new else next(left) for i in range(rank))), (x,)

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Unsqueeze", (node.input(0), constant_input("axes", np.array([self.axis], np.int64))))

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        axis = self.axis % (len(permutation) + 1)
        output = [old + (old >= axis) for old in permutation]
        output.insert(axis, axis)
        return Permuted(self, (permutation,), (tuple(output),))

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
        yield sampling.single(cls(1), "f32_inside", [sampling.float32((3, 4))], None)
