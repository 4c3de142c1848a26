"""SignalSpectrogram: the bands' magnitudes of overlapping frames of samples, one frame after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling, signal_fft
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Arg, Call, Input, Output, Scratch, Struct, Target, ints
from microgen.ops.movement import present
from microgen.ops.signal_fft_auto_scale import headroom
from microgen.ops.signal_filter_bank import bank_problem, bank_types, channels, gathered
from microgen.ops.signal_filter_bank_square_root import square_roots
from microgen.ops.signal_form import bit_lengths, last, table, wrong_types
from microgen.ops.signal_rfft import fft_tables

# Of the wide arithmetic: bits of a frame's largest sample, and bits that squares lose. All squares of a spectrum then
# add up to no more than 2^48 (Parseval's theorem): there is room for weights of 15 bits and for errors.
WIDE_TOP, WIDE_SQUARES = 30, 12
# Scratch is for the frame, then, at a multiple of this many bytes, the spectrum.
_ALIGNMENT = 8


@dataclass(frozen=True)
class SignalSpectrogram(Op):
    """Magnitudes uint32 [frames, bands] of samples int16 [n]: frames as long as the window, one every ``hop`` samples.

    A frame goes through SignalWindow, SignalFftAutoScale, SignalRfft, SignalEnergy, SignalFilterBank (whose tables are
    inputs 2 to 6) and SignalFilterBankSquareRoot, with their results; no more than one frame is in memory.

    With ``wide`` the same is computed in 32 bits: samples times window, without a shift, moved left until the largest
    has 30 bits; the transform in int32; energies >> 12; square roots moved right again.
    """

    hop: int
    shift: int
    fft_length: int
    wide: bool = False

    name: ClassVar[str] = "SignalSpectrogram"
    whole_range: ClassVar[bool] = True

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, window = node.input(0), last(node.input(1), "window")
        if len(source.shape) != 1 or source.shape[0] < window:
            raise VerifyError(f"samples are {list(source.shape)}, not [n] with at least the window's {window}")
        if window > self.fft_length:
            raise VerifyError(f"a window of {window} samples for a transform of {self.fft_length}")
        if self.hop < 1:
            raise VerifyError(f"frames every {self.hop} samples")
        count = (source.shape[0] - window) // self.hop + 1
        return ((DType.UINT32, (count, channels(self._tables(node)))),)

    @staticmethod
    def _tables(node: Node) -> list[Value]:
        return [node.input(i) for i in range(2, 7)]

    @constraint
    def types(self, node: Node) -> str | None:
        """samples, window and tables are int16"""
        samples = wrong_types((node.input(0), DType.INT16), (node.input(1), DType.INT16))
        return samples or bank_types(self._tables(node))

    @constraint
    def factors(self, node: Node) -> str | None:
        """the length of the transform is an even number whose half has no prime factors but 2, 3 and 5"""
        return signal_fft.problem(self.fft_length)

    @constraint
    def tables(self, node: Node) -> str | None:
        """tables are constants that are not negative and stay inside of the spectrum and the weights"""
        return bank_problem(self._tables(node), self.fft_length // 2 + 1)

    @constraint
    def window(self, node: Node) -> str | None:
        """the window is a constant above -32768, its shift 0 to 31"""
        if not node.input(1).is_const:
            return "it is computed at run time"
        if not 0 <= self.shift <= 31:
            return f"the shift is {self.shift}"
        return None if table(node.input(1)).min() > -32768 else "it holds -32768"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, window, *tables = present(inputs)
        frames = np.lib.stride_tricks.sliding_window_view(x, window.shape[-1], axis=1)[:, :: self.hop]
        products = (frames.astype(np.int64) * window[0].astype(np.int64)).reshape(-1, window.shape[-1])
        bits, spectrum = self._spectrum(products)
        squares = (spectrum * spectrum).sum(-1).astype(np.uint64)
        if self.wide:
            squares = squares >> np.uint64(WIDE_SQUARES)
        roots = square_roots(gathered(squares, [array[0] for array in tables]))
        result = roots >> bits.astype(np.uint64)[:, np.newaxis]
        return [result.astype(np.uint32).reshape(len(x), *node.output.shape)]

    def _spectrum(self, products: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How far the frames [n, length] are moved left, and their spectrum [n, bins, 2]."""
        if self.wide:
            largest = np.abs(products).max(axis=1)
            bits = np.where(largest > 0, WIDE_TOP - bit_lengths(largest), 0)
            scaled = products << bits[:, np.newaxis]
        else:
            windowed = np.clip(products >> self.shift, -32768, 32767)
            bits = headroom(windowed.astype(np.int16))
            scaled = (windowed << bits[:, np.newaxis]).astype(np.int16).astype(np.int64)
        padded = np.pad(scaled, ((0, 0), (0, self.fft_length - scaled.shape[1])))
        return bits, signal_fft.transform(self._plan(), padded)

    def _plan(self) -> signal_fft.Plan:
        return signal_fft.plan(self.fft_length, 32 if self.wide else 16)

    def macs(self, node: Node) -> int:
        stages = sum(4 * (radix - 1) * (self.fft_length // 2) // radix for radix, _ in self._plan().stages)
        used = 4 * int(table(node.input(6)).sum())
        return node.output.shape[0] * (last(node.input(1)) + stages + 2 * (self.fft_length // 2) + used)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        plan, length = self._plan(), last(node.input(1))
        size = plan.bits // 8
        frame = -(-size * length // _ALIGNMENT) * _ALIGNMENT
        parameters = Struct(
            "mg_signal_spectrogram_params",
            ints(
                frames=node.output.shape[0],
                hop=self.hop,
                length=length,
                shift=self.shift,
                fft_length=self.fft_length,
                stages=len(plan.stages),
                channels=node.output.shape[1],
                spectrum=frame,
            ),
        )
        args: tuple[Arg, ...] = (*map(Input, range(7)), Output(), *fft_tables(plan), parameters, Scratch())
        scratch = frame + size * (self.fft_length + 2)
        return (Call(f"mg_signal_spectrogram_s{plan.bits}", args, scratch),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for wide in (False, True):
            suffix = "_wide" * wide
            yield _sample(cls(10, 12, 32, wide), f"speech{suffix}", 75, 30, (2, 3, 4, 5))
            yield _sample(cls(24, 15, 24, wide), f"touching{suffix}", 80, 24, (3, 0, 4))
            yield _sample(cls(40, 9, 50, wide), f"apart{suffix}", 75, 31, (4, 6, 8, 5))
            yield _sample(cls(7, 12, 4, wide), f"short{suffix}", 75, 3, (1, 1))


def _sample(op: SignalSpectrogram, id: str, count: int, length: int, widths: tuple[int, ...]) -> Sample:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)
    places = np.cumsum([0, *widths])[:-1]
    slopes = np.concatenate([4096 - 4096 * np.arange(width) // max(width, 1) for width in widths])
    tables = (
        ("window", np.minimum(np.round(hann * (1 << op.shift)), 32767)),
        ("weights", slopes),
        ("unweights", 4096 - slopes),
        ("first_bins", np.minimum(places + 1, op.fft_length // 2 + 1 - np.array(widths))),
        ("first_weights", places),
        ("widths", np.array(widths)),
    )
    constants = [sampling.constant(name, data.astype(np.int16)) for name, data in tables]
    return sampling.single(op, id, [TensorType(DType.INT16, (count,)), *constants], None)
