"""SignalFramer: a stream of samples cut into frames that overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, carried, constraint
from microgen.ops.call import Arg, Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import begin, frames, last, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_LONGEST = 1 << 16


@dataclass(frozen=True)
class SignalFramer(Op):
    """Frames int16 [..., n/``step``, ``size``] of int16 [..., n], and whether all of them are complete, bool [].

    A frame begins ``step`` samples after the one before; each row is a stream of its own. With ``prefill`` the first
    one ends with the first ``step`` samples, with zeros in front. Otherwise it begins with them, and until it is full
    there are frames of zeros (the reference interpreter leaves them as they were).

    States: the last samples [..., ``kept``] and the number of frames until the first full one [1].
    """

    size: int
    step: int
    prefill: bool = False

    name: ClassVar[str] = "SignalFramer"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalFramer",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        op = cls(source.int_option("frame_size"), source.int_option("frame_step"), bool(source.int_option("prefill")))
        problem = op._problem()
        if problem is not None:
            raise VerifyError(problem)
        return op, source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {"frame_size": self.size, "frame_step": self.step, "prefill": self.prefill}
        return TFLiteForm(self.name, node.inputs[:1], options=options, custom=True)

    @property
    def kept(self) -> int:
        """How many samples are kept of a row: a frame or, without ``prefill``, whole steps that it fits in."""
        return self.size if self.prefill else -(-self.size // self.step) * self.step

    def _problem(self) -> str | None:
        if not (1 <= self.size <= _LONGEST and 1 <= self.step <= _LONGEST):
            return f"frames of {self.size} samples every {self.step}, not 1 to {_LONGEST}"
        if self.prefill and self.size < self.step:
            return f"frames of {self.size} samples, less than their step of {self.step}, are filled"
        return None

    def initial_states(self, inputs: Sequence[Value | None]) -> tuple[Array, ...]:
        source = inputs[0]
        if source is None:
            return ()
        missing = 0 if self.prefill else self.kept // self.step - 1
        return begin(np.int16, *source.shape[:-1], self.kept), np.array([missing], np.int32)

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        return ((2, 1), (3, 2))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, kept, missing = (node.input(i) for i in range(3))
        if self._problem() is None and last(source) % self.step:
            raise VerifyError(f"{last(source)} samples are no multiple of the step {self.step}")
        if kept.shape != (*source.shape[:-1], self.kept) or missing.shape != (1,):
            raise VerifyError(f"what is kept is {list(kept.shape)} and {list(missing.shape)}")
        made = (*source.shape[:-1], source.shape[-1] // self.step, self.size)
        return (DType.INT16, made), (DType.BOOL, ()), (DType.INT16, kept.shape), (DType.INT32, missing.shape)

    @constraint
    def types(self, node: Node) -> str | None:
        """samples are int16"""
        return wrong_types((node.input(0), DType.INT16), (node.input(1), DType.INT16), (node.input(2), DType.INT32))

    @constraint
    def sizes(self, node: Node) -> str | None:
        """frames and steps have 1 to 65536 samples, and with prefill a frame is no shorter than a step"""
        return self._problem()

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, kept, missing = present(inputs)
        stream = np.concatenate([kept[..., self.step :], x], axis=-1)
        count = x.shape[-1] // self.step
        begins = np.arange(count) * self.step
        made = stream[..., begins[:, np.newaxis] + np.arange(self.size)]
        lacking = np.maximum(missing.reshape(-1), 0)
        full = np.arange(count) >= lacking[:, np.newaxis]
        made = np.where(full.reshape(len(x), *(1,) * (x.ndim - 2), count, 1), made, np.int16(0))
        left = stream[..., stream.shape[-1] - self.kept :].copy()
        after = np.maximum(lacking - count, 0).astype(np.int32).reshape(-1, 1)
        return [made, lacking == 0, left, after]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        source = node.input(0)
        sizes = (frames(source), last(source) // self.step, self.size, self.step, self.kept)
        args: tuple[Arg, ...] = (Input(0), Output(2), Output(3), Output(0), Output(1), *map(Int, sizes))
        return carried(node, 2, 1), carried(node, 3, 2), Call("mg_signal_framer_s16", args)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(7, 3, True), "filled", [TensorType(DType.INT16, (6,))], None)
        yield sampling.single(cls(5, 2), "rows", [TensorType(DType.INT16, (2, 4))], None)
        yield sampling.single(cls(2, 3), "gaps", [TensorType(DType.INT16, (9,))], None)
