"""SQUEEZE: dimensions of length 1 taken out of a shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import DType, Node, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.layout import Permutation, Permuted, reduced_permutation
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.reshape import View
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class Squeeze(View):
    """``axes`` may count from the end; without any, every dimension of length 1 goes."""

    axes: tuple[int, ...] = ()

    name: ClassVar[str] = "Squeeze"
    tflite: ClassVar[tuple[str, ...]] = ("SQUEEZE",)
    tflite_options: ClassVar[str | None] = "SqueezeOptions"
    onnx: ClassVar[tuple[str, ...]] = ("Squeeze",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        axes = source.option("SqueezeDims")
        return cls(axes if isinstance(axes, tuple) else ()), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, {"SqueezeDims": self.axes})

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        if source.opset < 13:
            axes = source.integer_list("axes", ())
        else:
            axes = () if source.optional(1) is None else source.integers(1)
        return cls(axes), (source.input(0),)

    def to_onnx(self, node: Node) -> OnnxForm:
        axes = constant_input("axes", np.array(sorted(self._gone(node.input(0).shape)), np.int64))
        return OnnxForm("Squeeze", (node.input(0), axes) if len(axes.const) else node.inputs)

    def _gone(self, shape: tuple[int, ...]) -> set[int]:
        """The dimensions that vanish."""
        rank = len(shape)
        return {axis % rank for axis in self.axes} or {i for i in range(rank) if shape[i] == 1}

    def permuted(self, node: Node, permutation: Permutation) -> Permuted | None:
        gone = self._gone(node.input(0).shape)
        if not gone:
            return Permuted(self, (permutation,), (permutation,))
        op = Squeeze(tuple(sorted(permutation.index(axis) for axis in gone)))
        return Permuted(op, (permutation,), (reduced_permutation(permutation, sorted(gone), False),))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        shape, rank = source.shape, len(source.shape)
        if any(not -rank <= axis < rank or shape[axis] != 1 for axis in self.axes):
            raise VerifyError(f"axes {list(self.axes)} of shape {list(shape)} are not all of length 1")
        gone = self._gone(shape)
        return ((source.type.dtype, tuple(shape[i] for i in range(rank) if i not in gone)),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        def make(id: str, shape: tuple[int, ...], *axes: int) -> Sample:
            source = sampling.int8(shape)
            return sampling.single(cls(axes), id, [source], source.quant)

        yield make("all", (1, 3, 1, 4))
        yield make("first", (1, 3, 1, 4), 0)
        yield make("inner", (1, 3, 1, 4), 2)
        yield make("from_the_end", (1, 3, 1, 1), -1)
        yield make("several", (1, 3, 1, 4, 1), 0, -1)
        yield make("nothing", (3, 4))
        yield sampling.single(cls(), "f32_all", [sampling.float32((1, 3, 1, 4))], None)
        yield sampling.single(cls((-4,)), "f32_first", [sampling.float32((1, 3, 1, 4))], None)
