"""SignalRfft: the spectrum of frames of real samples, in fixed point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling, signal_fft
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Arg, Call, Const, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import TYPE_NUMBERS, check_type, frames, last
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_TYPES = (DType.INT16, DType.INT32)


def fft_tables(plan: signal_fft.Plan) -> tuple[Const, ...]:
    """The tables of a transform as its kernel reads them: order, twiddles, splits, stages."""
    kind = np.int16 if plan.bits == 16 else np.int32
    stages = np.array(plan.stages[::-1], np.int16)
    return (
        Const("order", plan.order.astype(np.int16)),
        Const("twiddles", plan.twiddles.astype(kind)),
        Const("splits", plan.splits.astype(kind)),
        Const("stages", stages),
    )


@dataclass(frozen=True)
class SignalRfft(Op):
    """The first ``fft_length``/2 + 1 bins of the transform of [..., n], int16 or int32, as pairs of real and imaginary
    parts [..., fft_length + 2]; n is up to ``fft_length``, the rest counts as 0. Arithmetic: see ``signal_fft``.
    """

    fft_length: int

    name: ClassVar[str] = "SignalRfft"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalRfft",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        check_type(source)
        return cls(source.int_option("fft_length")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        number = TYPE_NUMBERS[node.input(0).type.dtype]
        return TFLiteForm(self.name, node.inputs, options={"T": number, "fft_length": self.fft_length}, custom=True)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if last(source) > self.fft_length:
            raise VerifyError(f"frames of {last(source)} samples for a transform of {self.fft_length}")
        return ((source.type.dtype, (*source.shape[:-1], self.fft_length + 2)),)

    @constraint
    def types(self, node: Node) -> str | None:
        """samples are int16 or int32"""
        dtype = node.input(0).type.dtype
        return None if dtype in _TYPES else f"they are {dtype}"

    @constraint
    def factors(self, node: Node) -> str | None:
        """the length of the transform is an even number whose half has no prime factors but 2, 3 and 5"""
        return signal_fft.problem(self.fft_length)

    def _plan(self, node: Node) -> signal_fft.Plan:
        return signal_fft.plan(self.fft_length, 8 * node.input(0).type.dtype.size)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        rows = x.reshape(-1, x.shape[-1]).astype(np.int64)
        padded = np.pad(rows, ((0, 0), (0, self.fft_length - x.shape[-1])))
        spectrum = signal_fft.transform(self._plan(node), padded)
        return [spectrum.astype(x.dtype).reshape(*x.shape[:-1], self.fft_length + 2)]

    def macs(self, node: Node) -> int:
        stages = sum(4 * (radix - 1) * (self.fft_length // 2) // radix for radix, _ in self._plan(node).stages)
        return frames(node.input(0)) * (stages + 2 * (self.fft_length // 2))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        plan = self._plan(node)
        sizes = (frames(node.input(0)), last(node.input(0)), self.fft_length, len(plan.stages))
        args: tuple[Arg, ...] = (Input(0), Output(), *fft_tables(plan), *map(Int, sizes))
        return (Call(f"mg_signal_rfft_s{plan.bits}", args),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for dtype in (DType.INT16, DType.INT32):
            for length in (4, 6, 10, 16, 24, 50, 64, 90, 128):
                yield sampling.single(cls(length), f"{dtype}_{length}", [TensorType(dtype, (length,))], None)
            yield sampling.single(cls(32), f"{dtype}_padded", [TensorType(dtype, (21,))], None)
            yield sampling.single(cls(20), f"{dtype}_frames", [TensorType(dtype, (3, 20))], None)
        yield sampling.single(cls(512), "int16_speech", [TensorType(DType.INT16, (480,))], None)
