"""Sliding windows: convolutions and pooling, on images [samples, height, width, channels]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody gives it
from torch import Tensor

from microgen.delegates.gpu import exact
from microgen.delegates.gpu.rows import Step, bounds, clamped, given, int8_or_float32, row, upload
from microgen.mindir import DType, Node
from microgen.ops.attributes import Padding, image_size
from microgen.ops.average_pool2d import AveragePool2D
from microgen.ops.base import op_of
from microgen.ops.constraints import is_quantized, not_constant
from microgen.ops.conv2d import Conv2D
from microgen.ops.convolution import Convolution, requantization
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.pooling import Pooling
from microgen.ops.transpose_conv2d import TransposeConv2D


def _constant_filter(node: Node) -> str | None:
    if (problem := not_constant(node.input(1), node.optional_input(2))) is not None:
        return problem
    return int8_or_float32(node)


def padded(images: Tensor, pad: Padding, value: float = 0.0) -> Tensor:
    """``images`` with a border of ``value``."""
    amounts = (0, 0, pad.left, pad.right, pad.top, pad.bottom)
    return F.pad(images, amounts, value=value) if any(amounts) else images


def taps_sums(op: Convolution, images: Tensor, filter_: Tensor, size: tuple[int, int]) -> Tensor:
    """Sums of products from matrix products, or of one channel each position by position.

    ``images`` are padded; ``filter_`` is [channels, height, width, depth of a group]; the result is [images, *size,
    channels]. No algorithm that transforms its operands (Winograd's, Fourier's) can come in here.
    """
    channels, kernel_h, kernel_w, group_depth = filter_.shape
    groups = images.shape[3] // group_depth
    taps = []
    for y in range(kernel_h):
        for x in range(kernel_w):
            y0, x0 = y * op.dilation[0], x * op.dilation[1]
            rows = slice(y0, y0 + (size[0] - 1) * op.stride[0] + 1, op.stride[0])
            columns = slice(x0, x0 + (size[1] - 1) * op.stride[1] + 1, op.stride[1])
            taps.append(images[:, rows, columns])
    if group_depth == 1 and groups > 1:
        factors = filter_.reshape(channels, -1).T
        repeat = channels // groups
        sums = torch.zeros((len(images), *size, channels), dtype=images.dtype, device=images.device)
        for tap, factor in zip(taps, factors, strict=True):
            sums.addcmul_(tap if repeat == 1 else tap.repeat_interleave(repeat, dim=3), factor)
        return sums
    patches = taps[0][:, :, :, None] if len(taps) == 1 else torch.stack(taps, dim=3)
    parts = []
    for group in range(groups):
        own = filter_[group * (channels // groups) : (group + 1) * (channels // groups)]
        columns = slice(group * group_depth, (group + 1) * group_depth)
        left = patches[..., columns].reshape(-1, kernel_h * kernel_w * group_depth)
        parts.append(left @ own.reshape(len(own), -1).T)
    return (parts[0] if groups == 1 else torch.cat(parts, dim=1)).reshape(len(images), *size, channels)


def library_sums(op: Convolution, images: Tensor, filter_: Tensor, size: tuple[int, int]) -> Tensor:
    """The same from PyTorch's convolution, whose direct algorithm is the fastest on a processor."""
    groups = images.shape[3] // filter_.shape[3]
    sums = F.conv2d(
        images.permute(0, 3, 1, 2), filter_.permute(0, 3, 1, 2), None, op.stride, (0, 0), op.dilation, groups
    )
    return sums.permute(0, 2, 3, 1)[:, : size[0], : size[1]]


@row(Conv2D, DepthwiseConv2D, check=_constant_filter)
def convolution(node: Node, device: torch.device) -> Step:
    """Exact in int8: sums of products in the floating type that holds them all."""
    op = op_of(node)
    assert isinstance(op, Convolution)
    weights = node.input(1).const
    if isinstance(op, DepthwiseConv2D):
        weights = weights.transpose(3, 1, 2, 0)
    size, shape = image_size(node.output), node.output.shape
    quant, bias = node.input(0).type.quant, node.optional_input(2)

    def sums(images: Tensor, filter_: Tensor) -> Tensor:
        direct = images.device.type == "cpu" and images.dtype is torch.float32
        return (library_sums if direct else taps_sums)(op, padded(images, op.padding), filter_, size)

    if quant is None:
        filter_ = upload(weights, device)
        offset = None if bias is None else upload(bias.const.reshape(-1), device)

        def floats(inputs: Sequence[Tensor | None]) -> list[Tensor]:
            images = given(inputs[0])
            made = sums(images.reshape(-1, *images.shape[2:]), filter_)
            made = made if offset is None else made + offset
            return [clamped(made, bounds(node)).reshape(-1, *shape)]

        return floats
    magnitude = exact.largest_magnitude(quant)
    bound = exact.sums_bound(weights.astype(np.int64), magnitude)
    kind = exact.products_dtype(int(bound.max()))
    whole_filter = upload(weights, device).to(kind)
    finish = _finish(node, bound, device)

    def integers(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        images = given(inputs[0])
        centred = images.reshape(-1, *images.shape[2:]).to(kind) - quant.zero_point
        return [finish(sums(centred, whole_filter)).reshape(-1, *shape)]

    return integers


def _finish(node: Node, bound: Any, device: torch.device) -> exact.Requantizer:
    """What follows the sums of a convolution's products in int8."""
    op, result, bias = op_of(node), node.output.type, node.optional_input(2)
    assert isinstance(op, Convolution | TransposeConv2D) and result.quant is not None
    multipliers, shifts = requantization(node)
    offset = 0 if bias is None else bias.const.astype(np.int64).reshape(-1)
    limits = op.activation.bounds(result)
    return exact.Requantizer(multipliers, shifts, offset, bound, result.quant.zero_point, limits, device)


@row(TransposeConv2D, check=_constant_filter)
def transpose_convolution(node: Node, device: torch.device) -> Step:
    """Every pixel spreads its filter: one matrix product per position of the filter."""
    op = op_of(node)
    assert isinstance(op, TransposeConv2D)
    weights, quant, bias = node.input(1).const, node.input(0).type.quant, node.optional_input(2)
    out_h, out_w, channels = node.output.shape[1:]
    (in_h, in_w), (kernel_h, kernel_w) = image_size(node.input(0)), image_size(node.input(1))
    height = max((in_h - 1) * op.stride[0] + (kernel_h - 1) * op.dilation[0] + 1, op.padding.top + out_h)
    width = max((in_w - 1) * op.stride[1] + (kernel_w - 1) * op.dilation[1] + 1, op.padding.left + out_w)
    magnitude = 1 if quant is None else exact.largest_magnitude(quant)
    # Each result is a part of all products with the channel's filter.
    bound = exact.sums_bound(weights.astype(np.int64), magnitude) if quant is not None else np.zeros(1, np.int64)
    kind = torch.float32 if quant is None else exact.products_dtype(int(bound.max()))
    filter_ = upload(weights, device).to(kind)
    finish = None if quant is None else _finish(node, bound, device)
    offset = None if bias is None or quant is not None else upload(bias.const.reshape(-1), device)

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        images = given(inputs[0])
        images = images.reshape(-1, *images.shape[2:]).to(kind)
        if quant is not None:
            images = images - quant.zero_point
        canvas = torch.zeros((len(images), height, width, channels), dtype=kind, device=images.device)
        for y in range(kernel_h):
            for x in range(kernel_w):
                y0, x0 = y * op.dilation[0], x * op.dilation[1]
                rows = slice(y0, y0 + (in_h - 1) * op.stride[0] + 1, op.stride[0])
                columns = slice(x0, x0 + (in_w - 1) * op.stride[1] + 1, op.stride[1])
                canvas[:, rows, columns] += images @ filter_[:, y, x, :].T
        sums = canvas[:, op.padding.top : op.padding.top + out_h, op.padding.left : op.padding.left + out_w]
        if finish is not None:
            return [finish(sums).reshape(-1, *node.output.shape)]
        made = sums if offset is None else sums + offset
        return [clamped(made, bounds(node)).reshape(-1, *node.output.shape)]

    return step


def _windows(node: Node, images: Tensor, fill: float) -> Tensor:
    """[samples · images, channels, height, width] in float32, padded so that all windows lie inside."""
    op = op_of(node)
    assert isinstance(op, Pooling)
    return padded(images.reshape(-1, *images.shape[2:]).float(), op.padding, fill).permute(0, 3, 1, 2)


def _pooled(node: Node, made: Tensor) -> Tensor:
    size = image_size(node.output)
    return made[:, :, : size[0], : size[1]].permute(0, 2, 3, 1)


def _limits(node: Node) -> tuple[float, float]:
    op = op_of(node)
    assert isinstance(op, Pooling)
    return op.activation.bounds(node.output.type) if is_quantized(node) else op.activation.interval


@row(MaxPool2D, check=int8_or_float32)
def max_pool(node: Node, device: torch.device) -> Step:
    """The maximum needs no arithmetic."""
    op = op_of(node)
    assert isinstance(op, Pooling)
    quantized = is_quantized(node)
    kind = torch.int8 if quantized else torch.float32
    limits = _limits(node)

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        images = _windows(node, given(inputs[0]), -128.0 if quantized else -torch.inf)
        made = _pooled(node, F.max_pool2d(images, op.kernel, op.stride))
        return [clamped(made, limits).to(kind).reshape(-1, *node.output.shape)]

    return step


def _small_window(node: Node) -> str | None:
    op = op_of(node)
    assert isinstance(op, Pooling)
    if is_quantized(node) and op.kernel[0] * op.kernel[1] * 128 >= exact.FLOAT32_EXACT:
        return f"a window of {op.kernel[0]}×{op.kernel[1]} is larger than path gpu sums exactly"
    return int8_or_float32(node)


@row(AveragePool2D, check=_small_window)
def average_pool(node: Node, device: torch.device) -> Step:
    """Sums of at most 2^24, divided as the device divides them."""
    op = op_of(node)
    assert isinstance(op, AveragePool2D)
    ones = np.ones((1, *node.input(0).shape[:3], 1), np.int64)
    number = sum(op.taps(node, ones, fill=0))
    quantized = node.input(0).type.dtype is DType.INT8
    counts = upload(np.asarray(number)[:1], device).to(torch.int64 if quantized else torch.float32)
    limits = _limits(node)

    def step(inputs: Sequence[Tensor | None]) -> list[Tensor]:
        images = _windows(node, given(inputs[0]), 0.0)
        sums = _pooled(node, F.avg_pool2d(images, op.kernel, op.stride, divisor_override=1))
        if not quantized:
            return [clamped(sums / counts, limits).reshape(-1, *node.output.shape)]
        whole = sums.long()
        # Halves are added to the quantized sum, zero point and all, and the division truncates.
        nudged = torch.where(whole > 0, whole + counts // 2, whole - counts // 2)
        made = torch.div(nudged, counts, rounding_mode="trunc")
        return [made.clamp(*limits).to(torch.int8).reshape(-1, *node.output.shape)]

    return step
