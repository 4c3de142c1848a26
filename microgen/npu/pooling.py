"""Maximum, average and sum over windows or channels."""

from __future__ import annotations

import numpy as np

from microgen.arith import Ints
from microgen.npu.convolution import upscaled_input, windows_of
from microgen.npu.memory import Memory
from microgen.npu.registers import Pooling, Upscale
from microgen.npu.scaling import rescale, store
from microgen.npu.state import Registers
from microgen.npu.stream import StreamError


def pool(registers: Registers, memory: Memory, mode: int) -> None:
    """NPU_OP_POOL; ``mode`` is its parameter."""
    try:
        pooling = Pooling(mode)
    except ValueError:
        raise StreamError(f"unknown pooling {mode}") from None
    kernel, output = registers.kernel(), registers.output()
    size = (output.fm.height, output.fm.width)
    if registers.upscale() is Upscale.ZEROS:
        raise StreamError("pooling of an input that is upscaled with zeros")
    image, _ = upscaled_input(registers, memory, kernel, size)
    centred = image.astype(np.int64) - registers.zero_point("IFM")
    channels = centred.shape[3]
    if channels != output.fm.depth and not (pooling is Pooling.REDUCE_SUM and output.fm.depth == 1):
        raise StreamError(f"pooling of {channels} channels to {output.fm.depth}")
    (top, left), (bottom, right) = kernel.before, kernel.after
    edges = ((0, 0), (top, bottom), (left, right), (0, 0))
    lowest = np.iinfo(np.int64).min if pooling is Pooling.MAX else 0
    windows = windows_of(np.pad(centred, edges, constant_values=lowest), kernel, size)
    if pooling is Pooling.MAX:
        values = windows.max(axis=(3, 4))
    elif pooling is Pooling.AVERAGE:
        values = windows.sum(axis=(3, 4))
        if output.global_scale is None or any(kernel.before + kernel.after):
            # Of padded windows the NPU knows how many elements count; a scale comes on top.
            ones = np.pad(np.ones((1, *centred.shape[1:3], 1), np.int64), edges)
            values = _mean(values, windows_of(ones, kernel, size).sum(axis=(3, 4)))
    else:
        values = windows.sum(axis=(3, 4, 5))[..., None]
    if output.global_scale is not None:
        values = rescale(values, *output.global_scale, output.rounding)
    store(memory, output, values)


def _mean(sums: Ints, counts: Ints) -> Ints:
    """``sums / counts``, halves away from zero: what the NPU's own scales for the elements of a window amount to."""
    if not counts.all():
        raise StreamError("an average over padding alone")
    magnitude = (np.abs(sums) + counts // 2) // counts
    return np.where(sums < 0, -magnitude, magnitude)
