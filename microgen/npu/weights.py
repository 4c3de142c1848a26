"""Weights and scales of an operation: from the NPU's order to that of the tensors.

The decoded stream holds the weights in the order in which the multipliers consume them. Its loops, from the outside
in: blocks of output channels; blocks of input channels; sub-kernels of at most 8x8; small blocks of output channels;
kernel elements; small blocks of input channels; output channels; input channels. With the part-kernel order the
input's small blocks stand outside of the output's. What sticks out of the tensor is padding.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from microgen.arith import Ints
from microgen.mindir import Array
from microgen.npu.accelerators import Accelerator
from microgen.npu.decoder import Decoder
from microgen.npu.memory import Memory
from microgen.npu.registers import Reg16, Reg48
from microgen.npu.state import Kernel, Registers
from microgen.npu.stream import StreamError

_SUB_KERNEL = 8
_SCALE_BYTES = 10


@dataclass(frozen=True, slots=True)
class Layout:
    """What the order depends on. ``shape`` is [output channels, height, width, input channels]."""

    shape: tuple[int, int, int, int]
    block_depth: int
    dilation: tuple[int, int]
    depthwise: bool
    part_kernel: bool
    wide: bool
    ifm_ublock: int
    ofm_ublock: int


@functools.lru_cache(maxsize=64)
def order(layout: Layout) -> Ints:
    """For every weight of the stream its place in the flattened tensor, -1 for padding."""
    outputs, height, width, inputs = layout.shape
    input_block = 16 if layout.part_kernel or layout.wide else 32
    tall, broad = _SUB_KERNEL // layout.dilation[0], _SUB_KERNEL // layout.dilation[1]
    parts = []
    for out in range(0, outputs, layout.block_depth):
        out_range = (out, min(out + layout.block_depth, outputs))
        for into in range(0, 1 if layout.depthwise else inputs, input_block):
            for top in range(0, height, tall):
                for left in range(0, width, broad):
                    sub = (top, min(tall, height - top), left, min(broad, width - left))
                    parts.append(_sub_kernel(layout, out_range, (into, min(into + input_block, inputs)), sub))
    return np.concatenate(parts)


def _sub_kernel(
    layout: Layout, out_range: tuple[int, int], in_range: tuple[int, int], sub: tuple[int, int, int, int]
) -> Ints:
    """One sub-kernel (top, height, left, width) of one block of output and input channels."""
    _, height, width, inputs = layout.shape
    top, tall, left, broad = sub
    elements = tall * broad
    if layout.part_kernel:
        elements = _up(elements, 2 if layout.wide else 4)
    elif layout.depthwise:
        elements = _up(elements, 4)
    element = np.arange(elements)
    row, column = top + element // broad, left + element % broad
    inside = element < tall * broad

    out_count = _up(out_range[1] - out_range[0], layout.ofm_ublock)
    out = np.arange(out_range[0], out_range[0] + out_count).reshape(-1, layout.ofm_ublock)
    if layout.depthwise:
        channel = np.zeros((1, 1), np.int64)
    else:
        # Depth first always consumes whole blocks of input channels; part kernel only as many as there are.
        block = in_range[1] - in_range[0] if layout.part_kernel else (16 if layout.wide else 32)
        channel = np.arange(in_range[0], in_range[0] + _up(block, layout.ifm_ublock)).reshape(-1, layout.ifm_ublock)

    # Axes of the stream's order, each index brought to its place by broadcasting.
    if layout.part_kernel:
        c = channel[:, None, None, None, :]
        o = out[None, :, None, :, None]
        along = (1, 1, elements, 1, 1)
    else:
        c = channel[None, None, :, None, :]
        o = out[:, None, None, :, None]
        along = (1, elements, 1, 1, 1)
    place = ((o * height + row.reshape(along)) * width + column.reshape(along)) * inputs + c
    valid = (o < out_range[1]) & (c < inputs) & inside.reshape(along)
    places: Ints = np.where(valid, place, -1).ravel()
    return places


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def cores(registers: Registers, accelerator: Accelerator) -> int:
    """How many cores work on an operation."""
    count = registers.param(Reg16.PARALLEL_MODE) + 1 if registers.has(Reg16.PARALLEL_MODE) else 1
    if count > accelerator.cores:
        raise StreamError(f"the stream is for {count} cores, {accelerator.name} has {accelerator.cores}")
    return count


def read_weights(
    registers: Registers,
    memory: Memory,
    decoder: Decoder,
    accelerator: Accelerator,
    kernel: Kernel,
    channels: tuple[int, int],
    depthwise: bool,
) -> Array:
    """The weights, int16 [output channels, height, width, input channels]; ``channels`` are (outputs, inputs).

    With two cores each has every other output channel.
    """
    outputs, inputs = channels
    weights = np.zeros((outputs, *kernel.size, inputs), np.int16)
    count = cores(registers, accelerator)
    block = registers.param(Reg16.OFM_BLK_DEPTH_M1) + 1
    for core in range(count):
        part = weights[core::count]
        if not len(part):
            continue
        base, length = _range(registers, "WEIGHT", core)
        encoded = _constant(memory, registers.param(Reg16.WEIGHT_REGION), base, length)
        layout = Layout(
            shape=part.shape,
            block_depth=(block + count - 1 - core) // count,
            dilation=kernel.dilation,
            depthwise=depthwise,
            part_kernel=kernel.part_kernel and not depthwise,
            wide=np.dtype(registers.input(1, 1).dtype).itemsize == 2,
            ifm_ublock=accelerator.ifm_ublock,
            ofm_ublock=accelerator.ofm_ublock,
        )
        places = order(layout)
        values = decoder.decode(encoded)
        if len(values) != len(places):
            raise StreamError(f"{len(values)} weights were decoded, {len(places)} are needed for {list(part.shape)}")
        flat = np.zeros(part.size, np.int16)
        flat[places[places >= 0]] = values[places >= 0]
        weights[core::count] = flat.reshape(part.shape)
    return weights


def read_scales(
    registers: Registers, memory: Memory, accelerator: Accelerator, channels: int
) -> tuple[Ints, Ints, Ints]:
    """(bias, scale, shift) of every output channel: 40 bits signed, 32 and 6 bits unsigned."""
    records = np.zeros((channels, _SCALE_BYTES), np.int64)
    count = cores(registers, accelerator)
    for core in range(count):
        number = len(records[core::count])
        if number:
            base, length = _range(registers, "SCALE", core)
            if length < number * _SCALE_BYTES:
                raise StreamError(f"{length} bytes of scales are too few for {number} channels")
            data = _constant(memory, registers.param(Reg16.SCALE_REGION), base, number * _SCALE_BYTES)
            records[core::count] = np.frombuffer(data, np.uint8).reshape(number, _SCALE_BYTES)
    powers = np.int64(1) << (8 * np.arange(5, dtype=np.int64))
    bias = records[:, :5] @ powers
    bias = np.where(bias >> 39, bias - (1 << 40), bias)
    return bias, records[:, 5:9] @ powers[:4], records[:, 9] & 63


def _range(registers: Registers, what: str, core: int) -> tuple[int, int]:
    """Address and length of the weights or scales of a core."""
    number = str(core) if core else ""
    return registers.address(Reg48[f"{what}{number}_BASE"]), registers.word(Reg48[f"{what}{number}_LENGTH"])


def _constant(memory: Memory, region: int, start: int, length: int) -> bytes:
    """Bytes that must be the same for every sample."""
    data = memory.bytes_at(region, start, length)
    if (data != data[0]).any():
        raise StreamError("weights differ from one sample to another")
    row: Array = data[0]
    return bytes(row.tobytes())
