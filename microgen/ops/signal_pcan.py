"""SignalPCAN: per-channel automatic gain control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen import arith
from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import bit_lengths, one_frame_form, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

#: Elements of a gain table: two, then a value, two coefficients and nothing for each further length in bits.
GAIN_TABLE = 125
_MASK = 0xFFFFFFFF


def gains(noise: NDArray[np.int64], lut: NDArray[np.int64]) -> NDArray[np.int64]:
    """The gains, int16, for noise below 2^32: a parabola for each length in bits, the table's first elements to 2."""
    length = np.maximum(bit_lengths(noise), 2)
    at = 4 * length - 6
    fraction = np.where(length < 11, noise << np.maximum(11 - length, 0), noise >> np.maximum(length - 11, 0)) & 0x3FF
    slope = arith.wrap32((lut[at + 2] * fraction >> 5) + (lut[at + 1] << 5))
    curve = arith.wrap32(arith.wrap32(slope * fraction) + (1 << 14)) >> 15
    curved = (curve + lut[at]).astype(np.int16).astype(np.int64)
    return np.where(noise <= 2, lut[np.minimum(noise, 2)], curved)


@dataclass(frozen=True)
class SignalPCAN(Op):
    """Signals, uint32, times a gain that falls with the estimated noise, uint32 of the same shape, >> ``snr_shift``,
    then compressed: x² / 2^20 below 2^13, x / 2^6 - 64 above. The gain table is int16 [125].
    """

    snr_shift: int

    name: ClassVar[str] = "SignalPCAN"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalPCAN",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.int_option("snr_shift")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return one_frame_form(node, self.name, {"snr_shift": self.snr_shift})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, noise = node.input(0), node.input(1)
        if source.shape != noise.shape:
            raise VerifyError(f"noise is {list(noise.shape)}, signals are {list(source.shape)}")
        return ((DType.UINT32, source.shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """signals and noise are uint32, the gain table int16"""
        signal, noise, lut = (node.input(i) for i in range(3))
        return wrong_types((signal, DType.UINT32), (noise, DType.UINT32), (lut, DType.INT16))

    @constraint
    def gain_table(self, node: Node) -> str | None:
        """the gain table is a constant [125]"""
        lut = node.input(2)
        if not lut.is_const:
            return "it is computed at run time"
        good = len(lut.shape) == 1 and lut.shape[0] >= GAIN_TABLE
        return None if good else f"it is {list(lut.shape)}"

    @constraint
    def known_shift(self, node: Node) -> str | None:
        """the shift is 0 to 63"""
        return None if 0 <= self.snr_shift <= 63 else f"it is {self.snr_shift}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        signal, noise, lut = present(inputs)
        gain = (gains(noise.astype(np.int64), lut[0].astype(np.int64)) & _MASK).astype(np.uint64)
        with np.errstate(over="ignore"):
            snr = (signal.astype(np.uint64) * gain >> np.uint64(self.snr_shift)).astype(np.uint32).astype(np.int64)
        return [np.where(snr < 1 << 13, snr * snr >> 20, (snr >> 6) - 64).astype(np.uint32)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        numbers = (node.output.type.elements, self.snr_shift)
        return (Call("mg_signal_pcan_u32", (Input(0), Input(1), Input(2), Output(), *map(Int, numbers))),)

    def in_place(self, node: Node) -> tuple[int, ...]:
        return (0, 1)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        lut = sampling.rng("pcan").integers(-32768, 32768, GAIN_TABLE).astype(np.int16)
        for id, shape, shift, table_ in (
            ("one", (40,), 6, np.abs(lut // 64)),
            ("frames", (3, 7), 12, np.abs(lut // 16)),
            ("any_table", (40,), 40, lut),
        ):
            kind = TensorType(DType.UINT32, shape)
            yield sampling.single(cls(shift), id, [kind, kind, sampling.constant("gains", table_)], None)
