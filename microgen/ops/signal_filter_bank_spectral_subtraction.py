"""SignalFilterBankSpectralSubtraction: a running estimate of each channel's noise, taken off its signal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import wrong_types

_MASK = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class SignalFilterBankSpectralSubtraction(Op):
    """Signals without noise, and the noise, uint32 [frames, channels] each, of uint32 [frames, channels].

    From frame to frame, starting from none, each channel's noise moves towards the signal by ``smoothing`` (in odd
    channels ``alternate_smoothing``) of 2^``bits``; it has ``smoothing_bits`` more bits than the signal. At least
    ``min_signal_remaining`` of 2^``bits`` of a signal stays; with ``clamping`` the noise is no larger than the signal.
    Numbers wrap at 32 bits. TensorFlow Lite Micro's operator gets one frame at a time and keeps the noise in between.
    """

    smoothing: int
    alternate_smoothing: int
    smoothing_bits: int
    min_signal_remaining: int
    clamping: bool = False
    bits: int = 14

    name: ClassVar[str] = "SignalFilterBankSpectralSubtraction"
    whole_range: ClassVar[bool] = True

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(source.shape) != 2:
            raise VerifyError(f"signals are {list(source.shape)}, not [frames, channels]")
        return ((DType.UINT32, source.shape), (DType.UINT32, source.shape))

    @constraint
    def types(self, node: Node) -> str | None:
        """signals are uint32"""
        return wrong_types((node.input(0), DType.UINT32))

    @constraint
    def fractions(self, node: Node) -> str | None:
        """smoothing and the remaining signal are 0 to 2^bits, bits 0 to 30 and smoothing bits 0 to 31"""
        parts = (self.smoothing, self.alternate_smoothing, self.min_signal_remaining)
        if not (0 <= self.bits <= 30 and 0 <= self.smoothing_bits <= 31):
            return f"the bits are {self.bits} and {self.smoothing_bits}"
        good = min(parts) >= 0 and max(parts) <= 1 << self.bits
        return None if good else f"they are {', '.join(map(str, parts))} of {1 << self.bits}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        signal = x.astype(np.uint64)
        shift, bits = np.uint64(self.smoothing_bits), np.uint64(self.bits)
        odd = np.arange(x.shape[-1]) % 2 == 1
        smoothing = np.where(odd, self.alternate_smoothing, self.smoothing).astype(np.uint64)
        rest = np.uint64(1 << self.bits) - smoothing
        cleaned, noises = np.empty_like(x), np.empty_like(x)
        noise = np.zeros((x.shape[0], x.shape[2]), np.uint64)
        for i in range(x.shape[1]):
            scaled = (signal[:, i] << shift) & _MASK
            noise = ((scaled * smoothing + noise * rest) >> bits) & _MASK
            estimate = np.minimum(noise, scaled)
            if self.clamping:
                noise = estimate
            floor = (signal[:, i] * np.uint64(self.min_signal_remaining) >> bits) & _MASK
            cleaned[:, i] = np.maximum((scaled - estimate) >> shift, floor)
            noises[:, i] = noise
        return [cleaned, noises]

    def macs(self, node: Node) -> int:
        return 3 * node.outputs[0].type.elements

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        numbers = (
            *node.input(0).shape, self.smoothing, self.alternate_smoothing, self.smoothing_bits,
            self.min_signal_remaining, int(self.clamping), self.bits,
        )  # fmt: skip
        return (Call("mg_signal_subtract_noise_u32", (Input(0), Output(0), Output(1), *map(Int, numbers))),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        kind = TensorType(DType.UINT32, (6, 5))
        yield sampling.single(cls(410, 983, 10, 819), "speech", [kind], None)
        yield sampling.single(cls(410, 983, 10, 819, clamping=True), "clamping", [kind], None)
        yield sampling.single(cls(3000, 1 << 14, 0, 0), "unsmoothed", [kind], None)
        yield sampling.single(cls(5, 9, 31, 3, bits=5), "wrapping", [TensorType(DType.UINT32, (4, 9))], None)
