"""Convolution and depthwise convolution."""

from __future__ import annotations

import numpy as np

from microgen.arith import Ints, wrap32
from microgen.mindir import Array
from microgen.npu.accelerators import Accelerator
from microgen.npu.decoder import Decoder
from microgen.npu.memory import Memory
from microgen.npu.registers import Reg16, Upscale
from microgen.npu.scaling import rescale, store
from microgen.npu.state import Kernel, Registers
from microgen.npu.stream import StreamError
from microgen.npu.weights import read_scales, read_weights

_ACC_INT32, _ACC_INT40 = 0, 1
# Elements of the windows of one sample, and of those that are copied side by side at once (of 8 bytes).
_MOST_ELEMENTS, _AT_ONCE = 1 << 28, 1 << 22


def convolve(
    registers: Registers, memory: Memory, decoder: Decoder, accelerator: Accelerator, *, depthwise: bool
) -> None:
    """NPU_OP_CONV and NPU_OP_DEPTHWISE."""
    kernel, output = registers.kernel(), registers.output()
    image = centred_input(registers, memory, kernel, (output.fm.height, output.fm.width))
    channels = image.shape[3]
    if depthwise and channels != output.fm.depth:
        raise StreamError(f"a depthwise convolution of {channels} channels to {output.fm.depth}")
    weights = read_weights(
        registers, memory, decoder, accelerator, kernel, (output.fm.depth, 1 if depthwise else channels), depthwise
    )
    windows = windows_of(image, kernel, (output.fm.height, output.fm.width))
    sums = _depthwise(windows, weights) if depthwise else _full(windows, weights)
    bias, scale, shift = read_scales(registers, memory, accelerator, output.fm.depth)
    sums = _accumulator(sums + bias, registers)
    if output.global_scale is not None:
        scale, shift = (np.asarray(v, dtype=np.int64) for v in output.global_scale)
    store(memory, output, rescale(sums, scale, shift, output.rounding))


def centred_input(registers: Registers, memory: Memory, kernel: Kernel, size: tuple[int, int]) -> Array:
    """The input less its zero point, upscaled and padded with zeros; int32 [samples, height, width, depth]."""
    image, (height, width) = upscaled_input(registers, memory, kernel, size)
    centred = image.astype(np.int32) - np.int32(registers.zero_point("IFM"))
    if registers.upscale() is Upscale.ZEROS:
        spread = np.zeros((len(centred), 2 * centred.shape[1], 2 * centred.shape[2], centred.shape[3]), np.int32)
        spread[:, ::2, ::2] = centred
        centred = spread[:, :height, :width]
    (top, left), (bottom, right) = kernel.before, kernel.after
    return np.pad(centred, ((0, 0), (top, bottom), (left, right), (0, 0)))


def upscaled_input(
    registers: Registers, memory: Memory, kernel: Kernel, size: tuple[int, int]
) -> tuple[Array, tuple[int, int]]:
    """The input, its elements repeated where it is upscaled to the nearest, and the upscaled height and width."""
    height, width = kernel.reach(size)
    upscale = registers.upscale()
    if upscale is Upscale.NONE:
        return memory.read(registers.input(height, width)), (height, width)
    image = memory.read(registers.input(-(-height // 2), -(-width // 2)))
    if upscale is Upscale.NEAREST:
        image = image.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    return image, (height, width)


def windows_of(padded: Array, kernel: Kernel, size: tuple[int, int]) -> Array:
    """A view [samples, output height, output width, kernel height, kernel width, depth]."""
    samples, rows, columns, depth = padded.strides
    (stride_y, stride_x), (dilation_y, dilation_x) = kernel.stride, kernel.dilation
    return np.lib.stride_tricks.as_strided(
        padded,
        (len(padded), *size, *kernel.size, padded.shape[3]),
        (samples, rows * stride_y, columns * stride_x, rows * dilation_y, columns * dilation_x, depth),
        writeable=False,
    )


def _full(windows: Array, weights: Array) -> Ints:
    samples, height, width = windows.shape[:3]
    outputs, size = weights.shape[0], weights[0].size
    if height * width * size > _MOST_ELEMENTS:
        raise StreamError(f"a convolution over windows of {list(windows.shape[1:])}, too large to simulate")
    # Products of at most 17 and 9 bits: their sums are exact in float64.
    matrix = weights.reshape(outputs, -1).T.astype(np.float64)
    sums = np.empty((samples, height, width, outputs), np.int64)
    rows = max(1, min(height, _AT_ONCE // (width * size)))
    count = max(1, _AT_ONCE // (height * width * size))
    for sample in range(0, samples, count):
        for row in range(0, height, rows):
            part = windows[sample : sample + count, row : row + rows]
            flat = part.reshape(-1, size).astype(np.float64)
            sums[sample : sample + count, row : row + rows] = (flat @ matrix).reshape(*part.shape[:3], outputs)
    return sums


def _depthwise(windows: Array, weights: Array) -> Ints:
    sums = np.zeros((*windows.shape[:3], windows.shape[5]), np.int64)
    for y in range(windows.shape[3]):
        for x in range(windows.shape[4]):
            sums += windows[:, :, :, y, x, :] * weights[:, y, x, 0].astype(np.int64)
    return sums


def _accumulator(sums: Ints, registers: Registers) -> Ints:
    """``sums`` as the accumulators hold them."""
    kind = registers.param(Reg16.ACC_FORMAT)
    if kind == _ACC_INT32:
        return wrap32(sums)
    if kind == _ACC_INT40:
        half = 1 << 39
        return ((sums + half) & ((1 << 40) - 1)) - half
    raise StreamError(f"accumulators of format {kind} are not known here")
