"""SignalDelay: samples some time later."""

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
from microgen.ops.signal_form import begin, frames, last, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_LONGEST = 1 << 16


@dataclass(frozen=True)
class SignalDelay(Op):
    """What was ``length`` samples ago, int16 [..., n], of int16 [..., n]; each row is a stream of its own.

    The second input, a state [..., ``length``] whose next value is the second output, has the last samples. Zeros come
    before the first one.
    """

    length: int

    name: ClassVar[str] = "SignalDelay"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalDelay",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        length = source.int_option("delay_length")
        if not 1 <= length <= _LONGEST:
            raise VerifyError(f"delay_length is {length}, not 1 to {_LONGEST}")
        return cls(length), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.name, node.inputs[:1], options={"delay_length": self.length}, custom=True)

    def initial_states(self, inputs: Sequence[Value | None]) -> tuple[Array, ...]:
        source = inputs[0]
        return () if source is None else (begin(np.int16, *source.shape[:-1], self.length),)

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        return ((1, 1),)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, kept = node.input(0), node.input(1)
        last(source)
        if kept.shape != (*source.shape[:-1], self.length):
            raise VerifyError(f"what is kept is {list(kept.shape)}, not {[*source.shape[:-1], self.length]}")
        return (DType.INT16, source.shape), (DType.INT16, kept.shape)

    @constraint
    def types(self, node: Node) -> str | None:
        """samples are int16"""
        return wrong_types((node.input(0), DType.INT16), (node.input(1), DType.INT16))

    @constraint
    def positive(self, node: Node) -> str | None:
        """the delay is 1 to 65536 samples"""
        return None if 1 <= self.length <= _LONGEST else f"it is {self.length}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, kept = present(inputs)
        stream = np.concatenate([kept, x], axis=-1)
        return [stream[..., : x.shape[-1]].copy(), stream[..., x.shape[-1] :].copy()]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        sizes = (frames(node.input(0)), last(node.input(0)), self.length)
        call = Call("mg_signal_delay_s16", (Input(0), Output(1), Output(0), *map(Int, sizes)))
        return carried(node, 1, 1), call

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(3), "short", [TensorType(DType.INT16, (8,))], None)
        yield sampling.single(cls(11), "long", [TensorType(DType.INT16, (2, 4))], None)
