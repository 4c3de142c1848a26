"""SignalWindow: frames of samples times the weights of a window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import beside, frames, last, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class SignalWindow(Op):
    """``x · weights >> shift``, kept within int16: x int16 [..., n], weights int16 [n]."""

    shift: int

    name: ClassVar[str] = "SignalWindow"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalWindow",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.int_option("shift")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm("SignalWindow", node.inputs, options={"shift": self.shift}, custom=True)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, weights = node.input(0), node.input(1)
        if weights.shape != (last(source),):
            raise VerifyError(f"weights are {list(weights.shape)} for frames of {last(source)} samples")
        return ((DType.INT16, source.shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """samples and weights are int16"""
        return wrong_types((node.input(0), DType.INT16), (node.input(1), DType.INT16))

    @constraint
    def known_shift(self, node: Node) -> str | None:
        """the shift is 0 to 31"""
        return None if 0 <= self.shift <= 31 else f"it is {self.shift}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, weights = present(inputs)
        products = (x.astype(np.int32) * beside(weights, x).astype(np.int32)) >> self.shift
        return [np.clip(products, -32768, 32767).astype(np.int16)]

    def macs(self, node: Node) -> int:
        return node.output.type.elements

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        sizes = (frames(node.input(0)), last(node.input(0)), self.shift)
        return (Call("mg_signal_window_s16", (Input(0), Input(1), Output(), *map(Int, sizes))),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for id, shape, shift in (("one", (31,), 12), ("frames", (3, 20), 15), ("saturating", (40,), 9)):
            data = sampling.rng(id).integers(-32768, 32768, shape[-1]).astype(np.int16)
            weights = sampling.constant("weights", data)
            yield sampling.single(cls(shift), id, [TensorType(DType.INT16, shape), weights], None)
        both = [TensorType(DType.INT16, (17,)), TensorType(DType.INT16, (17,))]
        yield sampling.single(cls(14), "computed_weights", both, None)
