"""SignalOverlapAdd: frames that overlap, added up to a stream of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, carried, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import TYPE_NUMBERS, begin, check_type, last, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_FUNCTIONS = {DType.INT16: "mg_signal_overlap_add_s16", DType.FLOAT32: "mg_signal_overlap_add_f32"}


@dataclass(frozen=True)
class SignalOverlapAdd(Op):
    """The samples [..., frames · ``step``] of frames [..., frames, size], each ``step`` samples after the one before,
    int16 (sums that end at its limits) or float32; each row is a stream of its own.

    The second input, a state [..., size] whose next value is the second output, is what frames so far add to the next.
    """

    step: int

    name: ClassVar[str] = "SignalOverlapAdd"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalOverlapAdd",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        check_type(source)
        return cls(source.int_option("frame_step")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"T": TYPE_NUMBERS[node.input(0).type.dtype], "frame_step": self.step}
        return TFLiteForm(self.name, node.inputs[:1], options=options, custom=True)

    def initial_states(self, inputs: Sequence[Value | None]) -> tuple[Array, ...]:
        source = inputs[0]
        if source is None:
            return ()
        kind: type[np.generic] = np.float32 if source.type.dtype is DType.FLOAT32 else np.int16
        return (begin(kind, *source.shape[:-2], *source.shape[-1:]),)

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        return ((1, 1),)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, kept = node.input(0), node.input(1)
        if len(source.shape) < 2:
            raise VerifyError(f"frames are {list(source.shape)}, not [..., frames, size]")
        *outer, count, size = source.shape
        if not 1 <= self.step <= size:
            raise VerifyError(f"the step is {self.step}, not 1 to the {size} samples of a frame")
        if kept.shape != (*outer, size):
            raise VerifyError(f"what is kept is {list(kept.shape)}, not {[*outer, size]}")
        dtype = source.type.dtype
        return (dtype, (*outer, count * self.step)), (dtype, kept.shape)

    @constraint
    def types(self, node: Node) -> str | None:
        """samples are int16 or float32"""
        dtype = node.input(0).type.dtype
        return wrong_types((node.input(1), dtype)) if dtype in _FUNCTIONS else f"they are {dtype}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, sums = present(inputs)
        made: list[Array] = []
        for i in range(x.shape[-2]):
            if x.dtype == np.int16:
                low, high = DType.INT16.limits
                wide = sums.astype(np.int32) + x[..., i, :].astype(np.int32)
                sums = np.clip(wide, low, high).astype(np.int16)
            else:
                sums = np.add(sums, x[..., i, :])
            made.append(sums[..., : self.step])
            sums = np.concatenate([sums[..., self.step :], np.zeros_like(made[-1])], axis=-1)
        return [np.concatenate(made, axis=-1), sums]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        source = node.input(0)
        size = last(source)
        sizes = (node.input(1).type.elements // size, source.shape[-2], size, self.step)
        call = Call(_FUNCTIONS[source.type.dtype], (Input(0), Output(1), Output(0), *map(Int, sizes)))
        return carried(node, 1, 1), call

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(3), "int16", [TensorType(DType.INT16, (2, 7))], None)
        yield sampling.single(cls(4), "rows", [TensorType(DType.INT16, (2, 1, 4))], None)
        yield sampling.single(cls(2), "f32_rows", [sampling.float32((2, 3, 5))], None)
