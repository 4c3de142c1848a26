"""SignalFilterBankLog: scaled natural logarithms in fixed point."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Const, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import bit_lengths, one_frame_form, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_SEGMENTS = 128
_FRACTION = 16
_LN2 = round(np.log(2.0) * (1 << _FRACTION))
_HALF = 1 << (_FRACTION - 1)
_MASK = 0xFFFFFFFF


@functools.cache
def excess_table() -> NDArray[np.int16]:
    """By how much log2(1 + x) exceeds x, in 1/65536, at the ends of 128 segments of 0 <= x <= 1; and a 0 behind."""
    x = np.arange(_SEGMENTS + 1) / _SEGMENTS
    excess = np.rint((np.log2(1.0 + x) - x) * (1 << _FRACTION))
    return np.append(excess, 0).astype(np.int16)


def logarithms(x: NDArray[np.int64], scale: int) -> NDArray[np.int64]:
    """``scale`` times the natural logarithm of numbers from 1 to 2^32 - 1, rounded, modulo 2^32."""
    exponent = bit_lengths(x) - 1
    rest = x - (np.int64(1) << exponent)
    up, down = np.maximum(_FRACTION - exponent, 0), np.maximum(exponent - _FRACTION, 0)
    fraction = rest << up >> down
    segment = fraction >> (_FRACTION - 7)
    table = excess_table().astype(np.int64)
    here, there = table[segment], table[segment + 1]
    # The place inside of the segment counts in 1/65536 of all segments: the slope is next to nothing.
    between = (there - here) * (fraction - (segment << (_FRACTION - 7))) >> _FRACTION
    log2 = (exponent << _FRACTION) + fraction + here + between
    natural = (_LN2 * log2 + _HALF) >> _FRACTION
    scaled: NDArray[np.int64] = ((scale * natural + _HALF) & _MASK) >> _FRACTION
    return scaled


@dataclass(frozen=True)
class SignalFilterBankLog(Op):
    """``scale · ln(x · 2^correction_bits)`` of uint32 as int16, at most 32767; 0 for 0 and 1. Products wrap."""

    scale: int
    correction_bits: int = 0

    name: ClassVar[str] = "SignalFilterBankLog"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalFilterBankLog",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.int_option("output_scale"), source.int_option("input_correction_bits")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"output_scale": self.scale, "input_correction_bits": self.correction_bits}
        return one_frame_form(node, self.name, options)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        return ((DType.INT16, node.input(0).shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """numbers are uint32"""
        return wrong_types((node.input(0), DType.UINT32))

    @constraint
    def sizes(self, node: Node) -> str | None:
        """the scale is 1 to 2^31 - 1 and the correction 0 to 31 bits"""
        good = 0 < self.scale < 1 << 31 and 0 <= self.correction_bits <= 31
        return None if good else f"they are {self.scale} and {self.correction_bits}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        scaled = (x.astype(np.int64) << self.correction_bits) & _MASK
        found = np.minimum(logarithms(np.maximum(scaled, 1), self.scale), 32767)
        return [np.where(scaled > 1, found, 0).astype(np.int16)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        table = Const("excess", excess_table())
        numbers = (node.output.type.elements, self.scale, self.correction_bits)
        return (Call("mg_signal_log_u32", (Input(0), table, Output(), *map(Int, numbers))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(64, 3), "one", [TensorType(DType.UINT32, (40,))], None)
        yield sampling.single(cls(1024), "fine", [TensorType(DType.UINT32, (40,))], None)
        yield sampling.single(cls(1600, 31), "one_bit", [TensorType(DType.UINT32, (8,))], None)
        yield sampling.single(cls(3000), "saturating", [TensorType(DType.UINT32, (40,))], None)
        yield sampling.single(cls(64), "frames", [TensorType(DType.UINT32, (3, 7))], None)
