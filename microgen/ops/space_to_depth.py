"""SPACE_TO_DEPTH: squares of the image gathered in the channels."""

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


@dataclass(frozen=True)
class SpaceToDepth(Movement):
    """An NHWC image whose squares of ``block`` pixels become [block, block, channels] in one pixel."""

    block: int

    name: ClassVar[str] = "SpaceToDepth"
    tflite: ClassVar[tuple[str, ...]] = ("SPACE_TO_DEPTH",)
    tflite_options: ClassVar[str | None] = "SpaceToDepthOptions"

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        return cls(source.int_option("BlockSize")), (source.input(0),)

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.tflite[0], node.inputs, self.tflite_options, {"BlockSize": self.block}, version=2)

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        if len(source.shape) != 4 or self.block < 1 or any(d % self.block for d in source.shape[1:3]):
            raise VerifyError(f"{list(source.shape)} is no image made of squares of {self.block}")
        n, h, w, c = source.shape
        return ((source.type.dtype, (n, h // self.block, w // self.block, c * self.block * self.block)),)

    def views(self, node: Node, x: Array) -> list[Array]:
        n, h, w, c = node.input(0).shape
        parts = x.reshape(len(x), n, h // self.block, self.block, w // self.block, self.block, c)
        return [parts.transpose(0, 1, 2, 4, 3, 5, 6)]

    def is_identity(self, node: Node) -> bool:
        return self.block == 1 and node.input(0).type == node.output.type

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for shape, block in (((1, 6, 8, 3), 2), ((2, 6, 9, 2), 3), ((1, 4, 4, 1), 4), ((1, 2, 2, 3), 1)):
            source = sampling.int8(shape)
            yield sampling.single(cls(block), f"block_{block}_of_{shape[3]}", [source], source.quant)
        yield sampling.single(cls(2), "f32_block_2", [sampling.float32((1, 6, 8, 3))], None)
