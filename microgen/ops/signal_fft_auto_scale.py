"""SignalFftAutoScale: frames shifted left until they fill 16 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import bit_lengths, frames, last, one_frame_form, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_LOWEST = -32768


def headroom(rows: NDArray[np.int16]) -> NDArray[np.int64]:
    """By how many bits each of ``rows`` [n, length] can be shifted left.

    The largest magnitude is looked for in 16 bits, which do not hold that of -32768: the search starts over behind
    such a sample, with a maximum that may be negative. A maximum that is not positive gives no shift.
    """
    largest = np.abs(rows.astype(np.int64)).max(axis=1)
    for i in np.flatnonzero(largest == -_LOWEST):
        begin = int(np.flatnonzero(rows[i] == _LOWEST)[-1])
        found = _LOWEST
        for value in rows[i, begin + 1 :].tolist():
            found = value if value > found else max(found, -value)
        largest[i] = max(found, 0)
    return np.where(largest > 0, 15 - bit_lengths(largest), 0)


@dataclass(frozen=True)
class SignalFftAutoScale(Op):
    """int16 [..., n] shifted left as far as each frame allows, and the shifts, int32 [...]."""

    name: ClassVar[str] = "SignalFftAutoScale"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalFftAutoScale",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return one_frame_form(node, self.name, {})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        last(source)
        return ((DType.INT16, source.shape), (DType.INT32, source.shape[:-1]))

    @constraint
    def types(self, node: Node) -> str | None:
        """samples are int16"""
        return wrong_types((node.input(0), DType.INT16))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        bits = headroom(x.reshape(-1, x.shape[-1]).astype(np.int16)).reshape(x.shape[:-1])
        scaled = (x.astype(np.int64) << bits[..., np.newaxis]).astype(np.int16)
        return [scaled, bits.astype(np.int32)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        sizes = (frames(node.input(0)), last(node.input(0)))
        return (Call("mg_signal_fft_auto_scale_s16", (Input(0), Output(0), Output(1), *map(Int, sizes))),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(), "one", [TensorType(DType.INT16, (37,))], None)
        yield sampling.single(cls(), "few", [TensorType(DType.INT16, (2,))], None)
        yield sampling.single(cls(), "frames", [TensorType(DType.INT16, (5, 3))], None)
