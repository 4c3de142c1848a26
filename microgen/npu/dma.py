"""Copies from memory to memory."""

from __future__ import annotations

import numpy as np

from microgen.npu.accelerators import Accelerator
from microgen.npu.memory import Memory
from microgen.npu.registers import Reg16, Reg48
from microgen.npu.state import Registers
from microgen.npu.stream import StreamError

_REGION = 0xFF
_INTERNAL = 1 << 8
_ONE, _TWO, _THREE = 0, 1, 2


def transfer(registers: Registers, memory: Memory, accelerator: Accelerator) -> None:
    """NPU_OP_DMA_START. In two and three dimensions (U65) the source is dense and the destination has gaps."""
    source, destination = registers.param(Reg16.DMA0_SRC_REGION), registers.param(Reg16.DMA0_DST_REGION)
    mode = destination >> 9 & 3
    if source >> 9 & 3:
        raise StreamError("a DMA from a source with gaps")
    if mode > _THREE or (mode != _ONE and not accelerator.is_u65):
        raise StreamError(f"a DMA of mode {mode} on {accelerator.name}")
    length = registers.address(Reg48.DMA0_LEN)
    rows = registers.param(Reg16.DMA0_SIZE0) if mode >= _TWO else 1
    planes = registers.param(Reg16.DMA0_SIZE1) if mode >= _THREE else 1
    row_stride = length + registers.address(Reg48.DMA0_SKIP0) if mode >= _TWO else 0
    plane_stride = length * rows + registers.address(Reg48.DMA0_SKIP1) if mode >= _THREE else 0
    start, target = registers.address(Reg48.DMA0_SRC), registers.address(Reg48.DMA0_DST)
    if length < 1 or rows < 1 or planes < 1:
        raise StreamError(f"a DMA of {planes}x{rows}x{length} bytes")
    total = planes * rows * length
    if source & _INTERNAL:
        data = memory.internal(start, total)
    else:
        data = memory.bytes_at(source & _REGION, start, total)
    data = np.array(data).reshape(len(data), planes, rows, length)
    for plane in range(planes):
        for row in range(rows):
            to = target + plane * plane_stride + row * row_stride
            if destination & _INTERNAL:
                memory.internal(to, length)[...] = data[:, plane, row]
            else:
                memory.put(destination & _REGION, to, data[:, plane, row])
