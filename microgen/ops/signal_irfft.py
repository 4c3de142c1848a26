"""SignalIrfft: frames of real samples from their spectra, in fixed point."""

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
from microgen.ops.signal_rfft import fft_tables
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class SignalIrfft(Op):
    """The ``fft_length`` samples of spectra [..., ``fft_length`` + 2], int16 or int32 pairs of real and imaginary
    parts: 1/``fft_length`` of the sum over all bins, those beyond the half included. Arithmetic: see ``signal_fft``.

    Imaginary parts of the first and the last bin count as 0.
    """

    fft_length: int

    name: ClassVar[str] = "SignalIrfft"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalIrfft",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        check_type(source)
        return cls(source.int_option("fft_length")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"T": TYPE_NUMBERS[node.input(0).type.dtype], "fft_length": self.fft_length}
        return TFLiteForm(self.name, node.inputs, options=options, custom=True)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if last(source) != self.fft_length + 2:
            raise VerifyError(f"{last(source)} numbers are not the bins of {self.fft_length} samples")
        return ((source.type.dtype, (*source.shape[:-1], self.fft_length)),)

    @constraint
    def types(self, node: Node) -> str | None:
        """the spectrum is int16 or int32"""
        dtype = node.input(0).type.dtype
        return None if dtype in (DType.INT16, DType.INT32) else f"it is {dtype}"

    @constraint
    def factors(self, node: Node) -> str | None:
        """the length of the transform is an even number whose half has no prime factors but 2, 3 and 5"""
        return signal_fft.problem(self.fft_length)

    def _plan(self, node: Node) -> signal_fft.Plan:
        return signal_fft.plan(self.fft_length, 8 * node.input(0).type.dtype.size, True)

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        spectra = x.reshape(-1, self.fft_length // 2 + 1, 2).astype(np.int64)
        made = signal_fft.restore(self._plan(node), spectra)
        return [made.astype(x.dtype).reshape(*x.shape[:-1], self.fft_length)]

    def macs(self, node: Node) -> int:
        stages = sum(4 * (radix - 1) * (self.fft_length // 2) // radix for radix, _ in self._plan(node).stages)
        return frames(node.input(0)) * (stages + 2 * (self.fft_length // 2))

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        plan = self._plan(node)
        _, *tables = fft_tables(plan)
        places = Const("places", np.argsort(plan.order).astype(np.int16))
        sizes = (frames(node.input(0)), self.fft_length, len(plan.stages))
        args: tuple[Arg, ...] = (Input(0), Output(), places, *tables, *map(Int, sizes))
        return (Call(f"mg_signal_irfft_s{plan.bits}", args),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for dtype, lengths in ((DType.INT16, (4, 64, 90)), (DType.INT32, (6, 32, 50))):
            for length in lengths:
                yield sampling.single(cls(length), f"{dtype}_{length}", [TensorType(dtype, (length + 2,))], None)
        yield sampling.single(cls(20), "int16_frames", [TensorType(DType.INT16, (2, 22))], None)
