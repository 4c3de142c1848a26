"""DEPTH_TO_SPACE: channels spread over squares of the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample
from microgen.ops.movement import Movement
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource

MODES = ("DCR", "CRD")


@dataclass(frozen=True)
class DepthToSpace(Movement):
    """An NHWC image ``block`` times as high and wide, with fewer channels.

    The channels of a pixel are read as [block, block, channels] (``mode`` "DCR", TensorFlow's order) or as
    [channels, block, block] ("CRD"), rows before columns.
    """

    block: int
    mode: str = "DCR"

    name: ClassVar[str] = "DepthToSpace"
    tflite: ClassVar[tuple[str, ...]] = ("DEPTH_TO_SPACE",)
    tflite_options: ClassVar[str | None] = "DepthToSpaceOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.int_option("BlockSize")), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        if self.mode != "DCR":
            raise VerifyError(f"TensorFlow Lite has no depth to space of mode {self.mode}", where=node.label)
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, {"BlockSize": self.block}, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if self.mode not in MODES:
            raise VerifyError(f"mode {self.mode} is none of {', '.join(MODES)}")
        if len(source.shape) != 4 or self.block < 1 or source.shape[3] % (self.block * self.block):
            raise VerifyError(f"{list(source.shape)} is no image whose channels make squares of {self.block}")
        n, h, w, c = source.shape
        return ((source.type.dtype, (n, h * self.block, w * self.block, c // (self.block * self.block))),)

    def views(self, node: Node, x: Array) -> list[Array]:
        n, h, w, c = node.input(0).shape
        depth = c // (self.block * self.block)
        if self.mode == "DCR":
            parts = x.reshape(len(x), n, h, w, self.block, self.block, depth)
            return [parts.transpose(0, 1, 2, 4, 3, 5, 6)]
        parts = x.reshape(len(x), n, h, w, depth, self.block, self.block)
        return [parts.transpose(0, 1, 2, 5, 3, 6, 4)]

    def is_identity(self, node: Node) -> bool:
        return self.block == 1 and node.input(0).type == node.output.type

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for shape, block in (((1, 3, 4, 12), 2), ((2, 2, 3, 9), 3), ((1, 4, 5, 4), 2), ((1, 2, 2, 3), 1)):
            source = sampling.int8(shape)
            yield sampling.single(cls(block), f"block_{block}_of_{shape[3]}", [source], source.quant)
        yield sampling.single(cls(2), "f32_block_2", [sampling.float32((1, 3, 4, 12))], None)
        yield sampling.single(cls(2, "CRD"), "f32_channels_first", [sampling.float32((1, 3, 4, 12))], None)
        source = sampling.int8((2, 3, 4, 18))
        yield sampling.single(cls(3, "CRD"), "channels_first", [source], source.quant)
