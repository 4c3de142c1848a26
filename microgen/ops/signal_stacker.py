"""SignalStacker: the features of some frames in a row, one behind the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, carried, constraint
from microgen.ops.call import Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import begin, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

_MOST_FRAMES = 1 << 12


@dataclass(frozen=True)
class SignalStacker(Op):
    """A frame int16 [channels] with the ``left`` ones before it and the ``right`` ones after it, as one int16 tensor,
    and whether it is complete, bool [].

    In front of the first frame there are copies of it. A stack is complete first when ``right`` frames have come after
    the first one, then after every ``step`` of them; otherwise it is zeros (the reference interpreter leaves it as it
    was). States: the last frames in a row, and [2] the number of frames until the next stack and whether there was one.
    """

    left: int
    right: int
    step: int

    name: ClassVar[str] = "SignalStacker"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalStacker",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        names = ("stacker_left_context", "stacker_right_context", "stacker_step")
        op = cls(*map(source.int_option, names))
        problem, channels = op._problem(), source.int_option("num_channels")
        if problem is not None:
            raise VerifyError(problem)
        if source.input(0).shape != (channels,):
            raise VerifyError(f"num_channels is {channels}, and a frame is {list(source.input(0).shape)}")
        return op, source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        options = {
            "num_channels": node.input(0).type.elements,
            "stacker_left_context": self.left,
            "stacker_right_context": self.right,
            "stacker_step": self.step,
        }
        return TFLiteForm(self.name, node.inputs[:1], options=options, custom=True)

    @property
    def frames(self) -> int:
        """How many frames are in a stack."""
        return self.left + 1 + self.right

    def _problem(self) -> str | None:
        if min(self.left, self.right) < 0 or self.frames > _MOST_FRAMES:
            return f"the frames before and after are {self.left} and {self.right}"
        return None if 1 <= self.step <= self.frames else f"the step is {self.step}, not 1 to {self.frames}"

    def initial_states(self, inputs: Sequence[Value | None]) -> tuple[Array, ...]:
        source = inputs[0]
        if source is None:
            return ()
        return begin(np.int16, source.type.elements * self.frames), np.array([self.right, 0], np.int32)

    def state_pairs(self, node: Node) -> tuple[tuple[int, int], ...]:
        return ((2, 1), (3, 2))

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, kept, wait = (node.input(i) for i in range(3))
        if len(source.shape) != 1:
            raise VerifyError(f"a frame is {list(source.shape)}, not [channels]")
        size = source.shape[0] * self.frames
        if kept.shape != (size,) or wait.shape != (2,):
            raise VerifyError(f"what is kept is {list(kept.shape)} and {list(wait.shape)}, not {[size]} and [2]")
        return (DType.INT16, (size,)), (DType.BOOL, ()), (DType.INT16, (size,)), (DType.INT32, (2,))

    @constraint
    def types(self, node: Node) -> str | None:
        """features are int16"""
        return wrong_types((node.input(0), DType.INT16), (node.input(1), DType.INT16), (node.input(2), DType.INT32))

    @constraint
    def sizes(self, node: Node) -> str | None:
        """a stack has up to 4096 frames, and the step is 1 to as many"""
        return self._problem()

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, kept, wait = present(inputs)
        followed = np.concatenate([kept[:, x.shape[1] :], x], axis=1)
        started = wait[:, 1:] != 0
        stack = np.where(started, followed, np.tile(x, (1, self.frames)))
        remaining = wait[:, 0].astype(np.int32)
        full = remaining <= 0
        left = np.where(full, self.step - 1, remaining - ~full)
        after = np.stack([left, np.ones_like(left)], axis=1).astype(np.int32)
        return [np.where(full[:, np.newaxis], stack, np.int16(0)), full, stack, after]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        args = (Input(0), Output(2), Output(3), Output(0), Output(1))
        sizes = (node.input(0).type.elements, self.frames, self.step)
        call = Call("mg_signal_stacker_s16", (*args, *map(Int, sizes)))
        return carried(node, 2, 1), carried(node, 3, 2), call

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield sampling.single(cls(3, 0, 1), "past", [TensorType(DType.INT16, (4,))], None)
        yield sampling.single(cls(1, 2, 2), "both", [TensorType(DType.INT16, (5,))], None)
