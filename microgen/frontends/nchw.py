"""Operators on images with channels in front, as ONNX and MindSpore have them.

MindIR's images are [batch, height, width, channels]. Everything here takes and gives [batch, channels, height, width]
or, with one spatial dimension, [batch, channels, length], and puts the changes of layout around the operator; a pass
moves and cancels them. Images with three spatial dimensions raise VerifyError, as does what an operator cannot express.

``stride``, ``dilation``, ``kernel`` have one entry for each spatial dimension or are given for (height, width);
with one spatial dimension the height is 1. ``quant`` is the quantization of the result, where it has one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.builder import GraphBuilder
from microgen.frontends.dilated import dilated_average
from microgen.mindir import Array, QuantParams, Value
from microgen.ops.add import Add
from microgen.ops.attributes import NO_PADDING, Padding
from microgen.ops.average_pool2d import AveragePool2D
from microgen.ops.base import Op
from microgen.ops.concatenation import Concatenation
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.div import Div
from microgen.ops.layout import Permutation, inverse
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.maximum import Maximum
from microgen.ops.mean import Mean
from microgen.ops.mul import Mul
from microgen.ops.pad import Pad
from microgen.ops.reshape import Reshape
from microgen.ops.slice import Slice
from microgen.ops.split import Split
from microgen.ops.sqrt import Sqrt
from microgen.ops.sub import Sub
from microgen.ops.transpose import Transpose
from microgen.ops.transpose_conv2d import TransposeConv2D

#: Where MindIR's dimensions are found in [N, C, H, W], and in a filter [out, in, H, W] or [in, out, H, W].
NHWC: Permutation = (0, 2, 3, 1)
NCHW: Permutation = inverse(NHWC)
_DEPTHWISE: Permutation = (1, 2, 3, 0)
_TRANSPOSED: Permutation = (1, 2, 3, 0)
# Windows with more positions than this are not spelt out as one slice for each.
_MAX_TAPS = 64


def transpose(b: GraphBuilder, x: Value, permutation: Permutation) -> Value:
    """``x`` with its dimensions rearranged; a constant is rearranged at once."""
    if permutation == tuple(range(len(permutation))):
        return x
    quant = x.type.quant
    if quant is not None and quant.axis is not None:
        quant = QuantParams(quant.scales, quant.zero_points, permutation.index(quant.axis))
    if x.is_const:
        return b.constant(np.ascontiguousarray(np.transpose(x.const, permutation)), f"{x.name}/transposed", quant)
    # The operator itself takes the plain name.
    return b.add(Transpose(permutation), x, name=f"{b.scope}/transposed", quant=quant)


def reshape(b: GraphBuilder, x: Value, shape: Sequence[int]) -> Value:
    """``x`` under another shape, with its quantization, which must not be per axis."""
    if tuple(shape) == x.shape:
        return x
    return b.add(Reshape(tuple(shape)), x, name=f"{b.scope}/reshaped", quant=x.type.quant)


def to_nhwc(b: GraphBuilder, x: Value) -> Value:
    """[N, C, H, W] as [N, H, W, C], [N, C, L] as [N, 1, L, C]."""
    check_image(x)
    if len(x.shape) == 4:
        return transpose(b, x, NHWC)
    batch, channels, length = x.shape
    return reshape(b, transpose(b, x, (0, 2, 1)), (batch, 1, length, channels))


def to_nchw(b: GraphBuilder, x: Value, rank: int = 4) -> Value:
    """[N, H, W, C] as [N, C, H, W] or, with ``rank`` 3, [N, 1, L, C] as [N, C, L]."""
    if rank == 4:
        return transpose(b, x, NCHW)
    batch, _, length, channels = x.shape
    return transpose(b, reshape(b, x, (batch, length, channels)), (0, 2, 1))


def check_image(x: Value) -> None:
    """VerifyError unless ``x`` has one or two spatial dimensions."""
    spatial = len(x.shape) - 2
    if spatial not in (1, 2):
        raise VerifyError(f"{spatial} spatial dimensions are not supported, 1 or 2 are")


def pair(values: Sequence[int], fill: int = 1) -> tuple[int, int]:
    """(height, width) of one or two spatial numbers."""
    if len(values) not in (1, 2):
        raise VerifyError(f"{list(values)} must have one entry for each of 1 or 2 spatial dimensions")
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def convolution(
    b: GraphBuilder,
    x: Value,
    weights: Value,
    bias: Value | None,
    *,
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: Padding = NO_PADDING,
    groups: int = 1,
    quant: QuantParams | None = None,
) -> Value:
    """A convolution with ``weights`` [out, in / groups, H, W] or [out, in / groups, L], constant or not."""
    check_image(x)
    channels = x.shape[1]
    if len(weights.shape) != len(x.shape):
        raise VerifyError(f"weights of {len(weights.shape)} dimensions for an input of {len(x.shape)}")
    if groups < 1 or weights.shape[1] * groups != channels or weights.shape[0] % groups:
        raise VerifyError(f"weights {list(weights.shape)} do not fit {groups} groups of {channels} channels")
    weights = _image_filter(b, weights)
    op: Op
    if groups == channels and groups > 1:
        op = DepthwiseConv2D(stride=pair(stride), dilation=pair(dilation), padding=padding)
        filter_ = transpose(b, weights, _DEPTHWISE)
    else:
        op = Conv2D(stride=pair(stride), dilation=pair(dilation), padding=padding)
        filter_ = transpose(b, weights, NHWC)
    result = b.add(op, to_nhwc(b, x), filter_, bias, quant=quant)
    return to_nchw(b, result, len(x.shape))


def transposed_convolution(
    b: GraphBuilder,
    x: Value,
    weights: Value,
    bias: Value | None,
    *,
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: Padding = NO_PADDING,
    output_padding: Sequence[int] = (0, 0),
    groups: int = 1,
    quant: QuantParams | None = None,
) -> Value:
    """A transposed convolution with ``weights`` [in, out / groups, H, W]; ``padding`` is cut off the result, to which
    ``output_padding`` is added at the bottom and right.
    """
    check_image(x)
    channels = x.shape[1]
    if len(weights.shape) != len(x.shape) or weights.shape[0] != channels or groups < 1 or channels % groups:
        raise VerifyError(f"weights {list(weights.shape)} do not fit {groups} groups of {channels} channels")
    weights = _image_filter(b, weights)
    image = to_nhwc(b, x)
    op = TransposeConv2D(
        stride=pair(stride), dilation=pair(dilation), padding=padding, output_padding=pair(output_padding, 0)
    )
    images, filters, biases = [image], [weights], [bias]
    if groups > 1:
        part = (channels // groups,) * groups
        images = list(b.add_all(Split(3, part), image, quants=[image.type.quant] * groups))
        filters = split_constant(b, weights, 0, groups)
        biases = [None] * groups if bias is None else list(split_constant(b, bias, 0, groups))
    results = [
        b.add(op, image, transpose(b, filter_, _TRANSPOSED), bias, quant=quant)
        for image, filter_, bias in zip(images, filters, biases, strict=True)
    ]
    result = results[0] if groups == 1 else b.add(Concatenation(3), *results, quant=quant)
    return to_nchw(b, result, len(x.shape))


def max_pool(
    b: GraphBuilder,
    x: Value,
    *,
    kernel: Sequence[int],
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: Padding = NO_PADDING,
) -> Value:
    """The maximum of windows; padding takes no part in it."""
    image, quant = to_nhwc(b, x), x.type.quant
    window, step, spread = pair(kernel), pair(stride), pair(dilation)
    if spread == (1, 1) or window == (1, 1):
        op = MaxPool2D(kernel=window, stride=step, padding=padding)
        return to_nchw(b, b.add(op, image, quant=quant), len(x.shape))
    if window[0] * window[1] > _MAX_TAPS:
        raise VerifyError(f"dilation {list(spread)} of a {window[0]}×{window[1]} window is not supported")
    reach = ((window[0] - 1) * spread[0] + 1, (window[1] - 1) * spread[1] + 1)
    if padding != NO_PADDING:
        amounts = ((0, 0), (padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
        lowest = -np.inf if x.type.dtype.is_float else x.type.dtype.limits[0]
        image = b.add(Pad(amounts, lowest), image, quant=quant)
    height = (image.shape[1] - reach[0]) // step[0] + 1
    width = (image.shape[2] - reach[1]) // step[1] + 1
    if min(height, width) < 1:
        raise VerifyError(f"the {reach} window does not fit into the padded input {list(image.shape)}")
    size = (image.shape[0], height, width, image.shape[3])
    result: Value | None = None
    for y in range(window[0]):
        for column in range(window[1]):
            begin = (0, y * spread[0], column * spread[1], 0)
            tap = b.add(Slice(begin, size, (1, *step, 1)), image, quant=quant)
            result = tap if result is None else b.add(Maximum(), result, tap, quant=quant)
    assert result is not None
    return to_nchw(b, result, len(x.shape))


def average_pool(
    b: GraphBuilder,
    x: Value,
    *,
    kernel: Sequence[int],
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: Padding = NO_PADDING,
    beyond: Padding = NO_PADDING,
    count_padding: bool = False,
    quant: QuantParams | None = None,
) -> Value:
    """The mean of windows. Positions in the padding count as zeros with ``count_padding`` and not at all without it;
    those in ``beyond``, around the padding, never count. ``quant`` defaults to the input's.
    """
    image, window, quant = to_nhwc(b, x), pair(kernel), quant or x.type.quant
    total = padding + beyond
    if pair(dilation) != (1, 1) and window != (1, 1):
        result = dilated_average(b, image, window, pair(stride), pair(dilation), padding, total, count_padding)
        return to_nchw(b, result, len(x.shape))
    if count_padding and padding != NO_PADDING:
        amounts = ((0, 0), (padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
        image = b.add(Pad(amounts), image, quant=x.type.quant)
        total = beyond
    result = b.add(AveragePool2D(kernel=window, stride=pair(stride), padding=total), image, quant=quant)
    return to_nchw(b, result, len(x.shape))


def global_average(b: GraphBuilder, x: Value, quant: QuantParams | None = None) -> Value:
    """The mean of every channel; all dimensions stay."""
    return b.add(Mean(tuple(range(2, len(x.shape))), True), x, quant=quant or x.type.quant)


def batch_norm(
    b: GraphBuilder, x: Value, gamma: Value, beta: Value, mean: Value, variance: Value, epsilon: float
) -> Value:
    """``(x - mean) / sqrt(variance + epsilon) · gamma + beta`` with statistics per channel, as a product and a sum."""
    parts = (gamma, beta, mean, variance)
    shape = (x.shape[1] if len(x.shape) > 1 else 1, *(1,) * (len(x.shape) - 2))
    if any(v.type.elements != shape[0] for v in parts):
        raise VerifyError(f"{[v.type.elements for v in parts]} parameters for {shape[0]} channels")
    if all(v.is_const for v in parts):
        g, beta_, m, v = (value.const.astype(np.float64) for value in parts)
        with np.errstate(all="ignore"):
            factor = g / np.sqrt(v + epsilon)
            offset = beta_ - m * factor
        scale = b.constant(_like(factor, x).reshape(shape), f"{gamma.name}/scale")
        shift = b.constant(_like(offset, x).reshape(shape), f"{beta.name}/shift")
    else:
        small = b.constant(_like(np.array(epsilon), x))
        root = b.add(Sqrt(), b.add(Add(), variance, small))
        ratio = b.add(Div(), gamma, root)
        moved = b.add(Sub(), beta, b.add(Mul(), mean, ratio))
        scale, shift = reshape(b, ratio, shape), reshape(b, moved, shape)
    return b.add(Add(), b.add(Mul(), x, scale), shift)


def split_constant(b: GraphBuilder, value: Value, axis: int, parts: int) -> list[Value]:
    """A constant cut into equal parts; VerifyError for what is computed at run time."""
    if not value.is_const:
        raise VerifyError(f"{value.name!r} must be known at compile time")
    quant, quants = value.type.quant, [value.type.quant] * parts
    if quant is not None and quant.axis == axis and not quant.is_per_tensor:
        size = len(quant.scales) // parts
        cuts = [slice(i * size, (i + 1) * size) for i in range(parts)]
        quants = [QuantParams(quant.scales[c], quant.zero_points[c], axis) for c in cuts]
    pieces = np.split(value.const, parts, axis)
    return [b.constant(piece, f"{value.name}/{i}", q) for i, (piece, q) in enumerate(zip(pieces, quants, strict=True))]


def _like(data: Array, x: Value) -> Array:
    with np.errstate(all="ignore"):
        return data.astype(x.type.dtype.numpy)


def _image_filter(b: GraphBuilder, weights: Value) -> Value:
    """A filter with one spatial dimension as one of height 1."""
    if len(weights.shape) == 4:
        return weights
    shape = (*weights.shape[:2], 1, weights.shape[2])
    if weights.is_const:
        # The new dimension lies behind both axes that may have scales.
        return b.constant(weights.const.reshape(shape), f"{weights.name}/image", weights.type.quant)
    return reshape(b, weights, shape)
