"""SignalEnergy: the energies of a spectrum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import frames, last, one_frame_form, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


@dataclass(frozen=True)
class SignalEnergy(Op):
    """Real² + imaginary² of int16 [..., 2n], uint32 [..., n], for the bins from ``start`` to before ``end``.

    Other bins are 0; the reference interpreter leaves them as they were.
    """

    start: int
    end: int

    name: ClassVar[str] = "SignalEnergy"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalEnergy",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.int_option("start_index"), source.int_option("end_index")), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return one_frame_form(node, self.name, {"start_index": self.start, "end_index": self.end})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if last(source) % 2:
            raise VerifyError(f"{last(source)} numbers are not pairs of real and imaginary parts")
        return ((DType.UINT32, (*source.shape[:-1], source.shape[-1] // 2)),)

    @constraint
    def types(self, node: Node) -> str | None:
        """the spectrum is int16"""
        return wrong_types((node.input(0), DType.INT16))

    @constraint
    def bins_inside(self, node: Node) -> str | None:
        """the bins lie inside of the spectrum"""
        bins = last(node.input(0)) // 2
        good = 0 <= self.start <= self.end <= bins
        return None if good else f"they are {self.start} to {self.end} of {bins}"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = present(inputs)
        squares = x.astype(np.int64) ** 2
        energies = squares[..., 0::2] + squares[..., 1::2]
        energies[..., : self.start] = 0
        energies[..., self.end :] = 0
        return [energies.astype(np.uint32)]

    def macs(self, node: Node) -> int:
        return 2 * frames(node.output) * (self.end - self.start)

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        sizes = (frames(node.output), last(node.output), self.start, self.end)
        return (Call("mg_signal_energy_s16", (Input(0), Output(), *map(Int, sizes))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(0, 19), "one", [TensorType(DType.INT16, (38,))], None)
        yield sampling.single(cls(3, 9), "some_bins", [TensorType(DType.INT16, (2, 22))], None)
        yield sampling.single(cls(0, 5), "frames", [TensorType(DType.INT16, (3, 10))], None)
