"""SignalFilterBankSquareRoot: rounded square roots, shifted right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import frames, last, one_frame_form, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


def square_roots(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The nearest integers to the square roots, at most 2^16 - 1 for numbers of 32 bits and 2^32 - 1 for others."""
    one = np.uint64(1)
    most = np.uint64(0xFFFFFFFF)
    # The float's root is wrong by one at most.
    root = np.minimum(np.sqrt(x.astype(np.float64)).astype(np.uint64), most)
    root = np.where(root * root > x, root - one, root)
    root = np.where((root < most) & ((root + one) * (root + one) <= x), root + one, root)
    cap = np.where(x >> np.uint64(32) == 0, np.uint64(0xFFFF), most)
    return np.where((x - root * root > root) & (root != cap), root + one, root)


@dataclass(frozen=True)
class SignalFilterBankSquareRoot(Op):
    """The square roots of uint64 [..., n], rounded, shifted right by int32 [...], as uint32. Of a shift the lower five
    bits count.
    """

    name: ClassVar[str] = "SignalFilterBankSquareRoot"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalFilterBankSquareRoot",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return one_frame_form(node, self.name, {})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, bits = node.input(0), node.input(1)
        last(source)
        if bits.shape != source.shape[:-1]:
            raise VerifyError(f"shifts are {list(bits.shape)} for {list(source.shape)}")
        return ((DType.UINT32, source.shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """numbers are uint64, shifts int32"""
        return wrong_types((node.input(0), DType.UINT64), (node.input(1), DType.INT32))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, bits = present(inputs)
        counts = (bits.astype(np.int64) & 31).astype(np.uint64)
        return [(square_roots(x.astype(np.uint64)) >> counts[..., np.newaxis]).astype(np.uint32)]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        sizes = (frames(node.output), last(node.output))
        return (Call("mg_signal_square_root_u64", (Input(0), Input(1), Output(), *map(Int, sizes))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        shift = TensorType(DType.INT32, ())
        yield sampling.single(cls(), "one", [TensorType(DType.UINT64, (40,)), shift], None)
        frames_ = [TensorType(DType.UINT64, (5, 8)), TensorType(DType.INT32, (5,))]
        yield sampling.single(cls(), "frames", frames_, None)
        fixed = sampling.constant("shift", np.array(0, np.int32))
        yield sampling.single(cls(), "unshifted", [TensorType(DType.UINT64, (33,)), fixed], None)
