"""SignalLinear: frames of features times a matrix in fixed point, such as that of a cosine transform."""

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
from microgen.ops.constraints import not_constant
from microgen.ops.movement import present
from microgen.ops.signal_form import frames, last, wrong_types


@dataclass(frozen=True)
class SignalLinear(Op):
    """``matrix · (x - zero_point) / 2^shift``, rounded half up, within int16: x int16 [..., n], a constant matrix int16
    [m, n], result int16 [..., m]. Sums have all bits.
    """

    zero_point: int
    shift: int

    name: ClassVar[str] = "SignalLinear"
    whole_range: ClassVar[bool] = True

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, matrix = node.input(0), node.input(1)
        if len(matrix.shape) != 2 or matrix.shape[1] != last(source):
            raise VerifyError(f"the matrix is {list(matrix.shape)} for frames of {last(source)}")
        return ((DType.INT16, (*source.shape[:-1], matrix.shape[0])),)

    @constraint
    def types(self, node: Node) -> str | None:
        """features and matrix are int16"""
        return wrong_types((node.input(0), DType.INT16), (node.input(1), DType.INT16))

    @constraint
    def fixed(self, node: Node) -> str | None:
        """the matrix is a constant, the zero point int16 and the shift 1 to 40"""
        found = not_constant(node.input(1))
        if found is None and not (-32768 <= self.zero_point <= 32767 and 1 <= self.shift <= 40):
            return f"they are {self.zero_point} and {self.shift}"
        return found

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, matrix = present(inputs)
        sums = (x.astype(np.int64) - self.zero_point) @ matrix[0].astype(np.int64).T
        rounded = (sums + (1 << (self.shift - 1))) >> self.shift
        return [np.clip(rounded, -32768, 32767).astype(np.int16)]

    def macs(self, node: Node) -> int:
        return frames(node.output) * node.input(1).type.elements

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        numbers = (frames(node.output), *node.input(1).shape, self.zero_point, self.shift)
        return (Call("mg_signal_linear_s16", (Input(0), Input(1), Output(), *map(Int, numbers))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for id, shape, outputs, zero_point, shift in (
            ("one", (20,), 7, 0, 16),
            ("frames", (3, 9), 4, -1000, 17),
            ("saturating", (5, 6), 3, 20000, 2),
        ):
            data = sampling.rng(id).integers(-32768, 32768, (outputs, shape[-1])).astype(np.int16)
            source = TensorType(DType.INT16, shape)
            matrix = sampling.constant("matrix", data)
            yield sampling.single(cls(zero_point, shift), id, [source, matrix], None)
