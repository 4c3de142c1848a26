"""ONE_HOT: indices as vectors with one element on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint, device_constraint
from microgen.ops.call import Call, Target
from microgen.ops.constraints import short
from microgen.ops.movement import axis_in, present, together, unequal_quantization
from microgen.ops.onnx_form import OnnxForm, OnnxSource, constant_input
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class OneHot(Op):
    """A new dimension ``axis`` of ``depth`` elements, counted in the result, perhaps from the end.

    Inputs are the indices and the two values [off, on]; the value is on at the index, which may count from the end,
    and nowhere for an index outside of -depth to depth - 1. It is computed by the host runtime alone.
    """

    depth: int
    axis: int = -1

    name: ClassVar[str] = "OneHot"
    tflite: ClassVar[tuple[str, ...]] = ("ONE_HOT",)
    tflite_options: ClassVar[str | None] = "OneHotOptions"
    onnx: ClassVar[tuple[str, ...]] = ("OneHot",)

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        depths = source.integers(1)
        if len(depths) != 1:
            raise VerifyError(f"has {len(depths)} depths, not 1")
        both = np.array([source.const(3).reshape(-1)[0], source.const(2).reshape(-1)[0]])
        values = sampling.constant("values", both, source.input(2).type.quant)
        return cls(depths[0], source.int_option("Axis")), (source.input(0), values)

    def to_tflite(self, node: Node) -> TFLiteForm:
        values = node.input(1)
        if not values.is_const:
            raise VerifyError("TensorFlow Lite's ONE_HOT needs constant values", where=node.label)
        off, on = (
            sampling.constant(name, values.const[i : i + 1].reshape(()), values.type.quant)
            for i, name in enumerate(("off", "on"))
        )
        depth = sampling.constant("depth", np.array(self.depth, np.int32))
        return TFLiteForm(self.tflite[0], (node.input(0), depth, on, off), self.tflite_options, {"Axis": self.axis})

    @classmethod
    def from_onnx(cls, source: OnnxSource) -> tuple[Op, tuple[Value | None, ...]]:
        depth = source.const(1).reshape(-1)
        if len(depth) != 1:
            raise VerifyError(f"has {len(depth)} depths, not 1")
        return cls(int(depth[0]), source.integer("axis", -1)), (source.input(0), source.input(2))

    def to_onnx(self, node: Node) -> OnnxForm:
        depth = constant_input("depth", np.array([self.depth]).astype(node.input(0).type.dtype.numpy))
        return OnnxForm("OneHot", (node.input(0), depth, node.input(1)), {"axis": self.axis})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        indices, values = node.input(0), node.input(1)
        if values.shape != (2,):
            raise VerifyError(f"values have shape {list(values.shape)}, not [2]")
        if self.depth < 1:
            raise VerifyError(f"depth {self.depth} is not positive")
        axis = axis_in(self.axis, len(indices.shape) + 1)
        return ((values.type.dtype, (*indices.shape[:axis], self.depth, *indices.shape[axis:])),)

    @constraint
    def same_quantization(self, node: Node) -> str | None:
        """values and output have the same scale and zero point, one for the whole tensor"""
        return unequal_quantization(node.input(1), node.output)

    @device_constraint
    def on_the_device(self, node: Node) -> str | None:
        """its operands are constants, for there is no kernel in C"""
        computed = next((v for v in node.inputs if v is not None and not v.is_const), node.outputs[0])
        return f"{short(computed)} is computed"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        indices, values = together(*present(inputs))
        axis = axis_in(self.axis, len(node.output.shape)) + 1
        wide = indices.astype(np.int64)
        places = np.expand_dims(np.where(wide < 0, wide + self.depth, wide), axis)
        row = np.arange(self.depth).reshape(-1, *(1,) * (len(node.output.shape) - axis))
        off, on = (values[:, i].reshape(-1, *(1,) * len(node.output.shape)) for i in (0, 1))
        return [np.where(places == row, on, off)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        raise VerifyError("there is no kernel in C", where=node.label)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        values = sampling.float32((2,))
        yield sampling.single(cls(120), "f32_last", [TensorType(DType.INT32, (7,)), values], None)
        yield sampling.single(cls(90, 0), "f32_first", [TensorType(DType.INT64, (3, 4)), values], None)
        constant = sampling.constant("values", np.array([-1.5, 2.0], np.float32))
        yield sampling.single(cls(90, 1), "f32_constant", [TensorType(DType.INT64, (3, 4)), constant], None)
        pair = sampling.int8((2,))
        yield sampling.single(cls(120), "last", [TensorType(DType.INT32, (7,)), pair], pair.quant)
