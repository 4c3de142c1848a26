"""SCATTER_ND: parts of a tensor replaced or changed, each at a list of indices."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.gather_nd import check_constant_tuples, flat_places
from microgen.ops.movement import int64_indices, present, together
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.scatter import Scatter, scatter_rows


@dataclass(frozen=True)
class ScatterND(Scatter):
    """The data (input 0) with the updates (input 2) at the places that the last dimension of the indices (input 1)
    names; ``reduction`` says how an update meets what is there.
    """

    reduction: str = "none"

    name: ClassVar[str] = "ScatterND"
    onnx: ClassVar[tuple[str, ...]] = ("ScatterND",)

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.text("reduction", "none")), (source.input(0), source.input(1), source.input(2))

    def to_onnx(self, node: Node) -> OnnxForm:
        inputs = (node.input(0), int64_indices(node.input(1), node.label), node.input(2))
        return OnnxForm("ScatterND", inputs, {"reduction": self.reduction})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        data, indices, updates = (node.input(i) for i in range(3))
        depth = indices.shape[-1] if indices.shape else 0
        if not indices.shape or depth > len(data.shape):
            raise VerifyError(f"indices of shape {list(indices.shape)} do not go with data of {list(data.shape)}")
        wanted = (*indices.shape[:-1], *data.shape[depth:])
        if updates.shape != wanted:
            raise VerifyError(f"updates have shape {list(updates.shape)}, not {list(wanted)}")
        check_constant_tuples(indices, data.shape[:depth])
        return (self.check_operands(node, self.reduction),)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        data, indices, updates = together(*present(inputs))
        depth = indices.shape[-1]
        rows = int(np.prod(data.shape[1 : 1 + depth], dtype=np.int64))
        places = flat_places(indices, data.shape[1 : 1 + depth])
        inner = data[0].size // rows
        flat = data.reshape(len(data), rows, inner)
        new = updates.reshape(len(data), -1, inner)
        return [scatter_rows(flat, places, new, self.reduction).reshape(data.shape)]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        indices = sampling.constant("indices", np.array([[3], [0], [3]], np.int64))
        data, updates = sampling.int8((5, 4)), sampling.int8((3, 4))
        yield sampling.single(cls(), "rows", [data, indices, updates], data.quant)
        floats: list[TensorType | Value | None] = [sampling.float32((5, 4)), indices, sampling.float32((3, 4))]
        for reduction in ("none", "add", "mul", "max", "min"):
            yield sampling.single(dataclasses.replace(cls(), reduction=reduction), f"f32_{reduction}", floats, None)
        elements = sampling.constant("indices", np.array([[3, 1], [0, -1]], np.int64))
        yield sampling.single(cls(), "f32_elements", [floats[0], elements, sampling.float32((2,))], None)
