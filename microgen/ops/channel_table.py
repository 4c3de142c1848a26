"""ChannelTable: bytes looked up, in a table for each channel: what a device makes of raw pixels."""

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
from microgen.ops.movement import present

_KERNELS = {
    DType.INT8: "mg_channel_table_u8",
    DType.UINT8: "mg_channel_table_u8",
    DType.FLOAT32: "mg_channel_table_f32",
}


@dataclass(frozen=True)
class ChannelTable(Op):
    """Each byte of input 0, uint8 [..., channels], is replaced by its entry in input 1, the constant tables [channels,
    256] (or [1, 256] for all channels), whose element type is the result's.
    """

    name: ClassVar[str] = "ChannelTable"

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source, table = node.input(0), node.input(1)
        if not source.shape or table.shape not in ((1, 256), (source.shape[-1], 256)):
            raise VerifyError(f"tables of shape {list(table.shape)} do not go with an input of {list(source.shape)}")
        return ((table.type.dtype, source.shape),)

    @constraint
    def types(self, node: Node) -> str | None:
        """uint8 becomes int8, uint8 or float32 by constant tables"""
        if node.input(0).type.dtype is not DType.UINT8:
            return f"the input is {node.input(0).type.dtype}"
        if node.input(1).type.dtype not in _KERNELS:
            return f"the tables are {node.input(1).type.dtype}"
        return None if node.input(1).is_const else "the tables are computed"

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, tables = present(inputs)
        channels = np.arange(x.shape[-1]) if tables.shape[1] > 1 else np.zeros(x.shape[-1], np.int64)
        return [tables[0][channels, x]]

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        channels = node.input(1).shape[0]
        rows = node.output.type.elements // channels
        kernel = _KERNELS[node.output.type.dtype]
        return (Call(kernel, (Input(0), Input(1), Output(), Int(rows), Int(channels))),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        random = np.random.default_rng(3)
        for dtype in _KERNELS:
            for channels in (1, 3):
                data = random.integers(0, 256, (channels, 256)).astype(np.uint8)
                tables = data.astype(np.float32) / 7 if dtype is DType.FLOAT32 else data.view(dtype.numpy)
                constant = sampling.constant("tables", tables)
                source = TensorType(DType.UINT8, (2, 5, 3))
                yield sampling.single(cls(), f"{dtype}_{channels}", [source, constant], None)
