"""SignalFilterBankSpectralSubtraction: a running estimate of each channel's noise, taken off its signal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, carried, constraint
from microgen.ops.call import Call, Input, Int, Null, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import begin, frames, last, one_frame_form, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_MASK = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class SignalFilterBankSpectralSubtraction(Op):
    """Signals without noise, and the noise, uint32 [frames, channels] or [channels] each, of such signals.

    From frame to frame each channel's noise moves towards the signal by ``smoothing`` (in odd channels
    ``alternate_smoothing``) of 2^``bits``; it has ``smoothing_bits`` more bits than the signal. At least
    ``min_signal_remaining`` of 2^``bits`` of a signal stays; with ``clamping`` the noise is no larger than the signal.
    Numbers wrap at 32 bits. The noise begins with none, or as the second input, a state [channels] whose next value is
    the third output.
    """

    smoothing: int
    alternate_smoothing: int
    smoothing_bits: int
    min_signal_remaining: int
    clamping: bool = False
    bits: int = 14

    name: ClassVar[str] = "SignalFilterBankSpectralSubtraction"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalFilterBankSpectralSubtraction",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        channels, given = last(source.input(0)), source.int_option("num_channels")
        if channels != given:
            raise VerifyError(f"num_channels is {given}, and there are {channels}")
        bits = source.int_option("spectral_subtraction_bits")
        for name, rest in (
            ("smoothing", "one_minus_smoothing"),
            ("alternate_smoothing", "alternate_one_minus_smoothing"),
        ):
            parts = source.int_option(name), source.int_option(rest)
            if not 0 <= bits <= 30 or sum(parts) != 1 << bits:
                raise VerifyError(f"{name} and its counterpart are {parts[0]} and {parts[1]}, which is no 2^{bits}")
        names = ("smoothing", "alternate_smoothing", "smoothing_bits", "min_signal_remaining", "clamping")
        smoothing, alternate, more, remaining, clamping = map(source.int_option, names)
        return cls(smoothing, alternate, more, remaining, bool(clamping), bits), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        if len(node.inputs) == 1:
            raise VerifyError(f"TensorFlow Lite Micro's {self.name} keeps the noise", where=node.label)
        one = 1 << self.bits
        options = {
            "num_channels": last(node.input(0)),
            "smoothing": self.smoothing,
            "one_minus_smoothing": one - self.smoothing,
            "alternate_smoothing": self.alternate_smoothing,
            "alternate_one_minus_smoothing": one - self.alternate_smoothing,
            "smoothing_bits": self.smoothing_bits,
            "min_signal_remaining": self.min_signal_remaining,
            "clamping": self.clamping,
            "spectral_subtraction_bits": self.bits,
        }
        form = one_frame_form(node, self.name, options)
        return replace(form, inputs=form.inputs[:1])

    def initial_states(self, inputs: Sequence[Value | None]) -> tuple[Array, ...]:
        source = inputs[0]
        if source is None or len(source.shape) != 1:
            return ()
        return (begin(np.uint32, *source.shape),)

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        return ((2, 1),) if len(node.inputs) == 2 else ()

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(source.shape) not in (1, 2) or (len(source.shape) == 1 and len(node.inputs) == 1):
            raise VerifyError(f"signals are {list(source.shape)}, not [frames, channels]")
        if len(node.inputs) == 2 and node.input(1).shape != source.shape[-1:]:
            raise VerifyError(f"the noise is {list(node.input(1).shape)}, not {list(source.shape[-1:])}")
        return tuple((DType.UINT32, v.shape) for v in (source, source, *node.inputs[1:]) if v is not None)

    @constraint
    def types(self, node: Node) -> str | None:
        """signals and noise are uint32"""
        return wrong_types(*((value, DType.UINT32) for value in node.inputs if value is not None))

    @constraint
    def fractions(self, node: Node) -> str | None:
        """smoothing and the remaining signal are 0 to 2^bits, bits 0 to 30 and smoothing bits 0 to 31"""
        parts = (self.smoothing, self.alternate_smoothing, self.min_signal_remaining)
        if not (0 <= self.bits <= 30 and 0 <= self.smoothing_bits <= 31):
            return f"the bits are {self.bits} and {self.smoothing_bits}"
        good = min(parts) >= 0 and max(parts) <= 1 << self.bits
        return None if good else f"they are {', '.join(map(str, parts))} of {1 << self.bits}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        given, *kept = present(inputs)
        x = given.reshape(len(given), -1, given.shape[-1])
        signal = x.astype(np.uint64)
        shift, bits = np.uint64(self.smoothing_bits), np.uint64(self.bits)
        odd = np.arange(x.shape[-1]) % 2 == 1
        smoothing = np.where(odd, self.alternate_smoothing, self.smoothing).astype(np.uint64)
        rest = np.uint64(1 << self.bits) - smoothing
        cleaned, noises = np.empty_like(x), np.empty_like(x)
        noise = np.zeros((x.shape[0], x.shape[2]), np.uint64)
        if kept:
            noise[:] = kept[0]
        for i in range(x.shape[1]):
            scaled = (signal[:, i] << shift) & _MASK
            noise = ((scaled * smoothing + noise * rest) >> bits) & _MASK
            estimate = np.minimum(noise, scaled)
            if self.clamping:
                noise = estimate
            floor = (signal[:, i] * np.uint64(self.min_signal_remaining) >> bits) & _MASK
            cleaned[:, i] = np.maximum((scaled - estimate) >> shift, floor)
            noises[:, i] = noise
        left = [noise.astype(np.uint32)] if kept else []
        return [cleaned.reshape(given.shape), noises.reshape(given.shape), *left]

    def macs(self, node: Node) -> int:
        return 3 * node.outputs[0].type.elements

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        numbers = (
            frames(node.input(0)), last(node.input(0)), self.smoothing, self.alternate_smoothing, self.smoothing_bits,
            self.min_signal_remaining, int(self.clamping), self.bits,
        )  # fmt: skip
        keeps = len(node.inputs) == 2
        args = (Input(0), Output(0), Output(1), Output(2) if keeps else Null(), *map(Int, numbers))
        return (*([carried(node, 2, 1)] if keeps else ()), Call("mg_signal_subtract_noise_u32", args))

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        kind = TensorType(DType.UINT32, (6, 5))
        yield sampling.single(cls(410, 983, 10, 819), "speech", [kind], None)
        yield sampling.single(cls(410, 983, 10, 819, clamping=True), "clamping", [kind], None)
        yield sampling.single(cls(3000, 1 << 14, 0, 0), "unsmoothed", [kind], None)
        yield sampling.single(cls(5, 9, 31, 3, bits=5), "wrapping", [TensorType(DType.UINT32, (4, 9))], None)
        one = TensorType(DType.UINT32, (7,))
        yield sampling.single(cls(410, 983, 10, 819), "kept", [one], None)
        yield sampling.single(cls(9, 5, 3, 3, clamping=True, bits=5), "kept_clamping", [one], None)
