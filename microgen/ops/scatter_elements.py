"""ScatterElements: single elements of a tensor replaced or changed along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.gather_elements import check_element_indices, element_places
from microgen.ops.movement import axis_in, present, together
from microgen.ops.onnx_form import OnnxForm, OnnxSource
from microgen.ops.scatter import Scatter, scatter_rows


@dataclass(frozen=True)
class ScatterElements(Scatter):
    """The data (input 0) with update [i, j, …] (input 2) at [i, j, …], where index [i, j, …] (input 1) takes the
    place of the one of ``axis``; ``reduction`` says how an update meets what is there.
    """

    axis: int = 0
    reduction: str = "none"

    name: ClassVar[str] = "ScatterElements"
    onnx: ClassVar[tuple[str, ...]] = ("ScatterElements", "Scatter")

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        op = cls(source.integer("axis", 0), source.text("reduction", "none"))
        return op, (source.input(0), source.input(1), source.input(2))

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("ScatterElements", node.inputs, {"axis": self.axis, "reduction": self.reduction})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        data, indices, updates = (node.input(i) for i in range(3))
        check_element_indices(data.shape, indices, axis_in(self.axis, len(data.shape)))
        if updates.shape != indices.shape:
            raise VerifyError(f"updates have shape {list(updates.shape)}, the indices {list(indices.shape)}")
        return (self.check_operands(node, self.reduction),)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        data, indices, updates = together(*present(inputs))
        shape = data.shape[1:]
        places = element_places(shape, indices, axis_in(self.axis, len(shape))).reshape(len(data), -1)
        flat, new = data.reshape(len(data), -1, 1), updates.reshape(len(data), -1, 1)
        return [scatter_rows(flat, places, new, self.reduction).reshape(data.shape)]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        indices = sampling.constant("indices", np.array([[3, 0, 1], [2, 2, 0]], np.int64))
        data, updates = sampling.int8((4, 3)), sampling.int8((2, 3))
        yield sampling.single(cls(), "rows", [data, indices, updates], data.quant)
        floats: list[TensorType | Value | None] = [sampling.float32((4, 3)), indices, sampling.float32((2, 3))]
        for reduction in ("none", "add", "mul", "max", "min"):
            yield sampling.single(cls(0, reduction), f"f32_{reduction}", floats, None)
        columns: list[TensorType | Value | None] = [sampling.float32((2, 4)), indices, sampling.float32((2, 3))]
        yield sampling.single(cls(-1), "f32_columns", columns, None)
