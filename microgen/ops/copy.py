"""COPY: the input's elements in memory of their own. No file has it: states that cannot be written at once need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.mindir import Array, DType, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Sample
from microgen.ops.movement import Movement
from microgen.ops.onnx_form import OnnxForm
from microgen.ops.tflite_form import TFLiteForm


@dataclass(frozen=True)
class Copy(Movement):
    """The input, elsewhere."""

    name: ClassVar[str] = "Copy"

    def to_tflite(self, node: Node) -> TFLiteForm:
        shape = np.array(node.output.shape, np.int32)
        operand = Value(f"{node.name}/shape", TensorType(DType.INT32, shape.shape), shape)
        return TFLiteForm("RESHAPE", (node.input(0), operand), "ReshapeOptions", {"NewShape": node.output.shape})

    def to_onnx(self, node: Node) -> OnnxForm:
        return OnnxForm("Identity", node.inputs)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((node.input(0).type.dtype, node.input(0).shape),)

    def views(self, node: Node, x: Array) -> list[Array]:
        return [x]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for shape in ((1,), (7,), (2, 3, 5)):
            kind = TensorType(DType.INT8, shape, QuantParams.per_tensor(0.1, -4))
            yield sampling.single(cls(), f"int8_{len(shape)}d_{kind.elements}", [kind], [kind])
        wide = TensorType(DType.INT16, (3, 3), QuantParams.per_tensor(0.001, 0))
        yield sampling.single(cls(), "int16", [wide], [wide])
        yield sampling.single(cls(), "float32", [sampling.float32((2, 5))], None)
