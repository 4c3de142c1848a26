"""Primitives that pool images [N, C, H, W]."""

from __future__ import annotations

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.mindspore.call import Call, Item, primitive
from microgen.frontends.mindspore.images import check_image, explicit, padding_of, spatial
from microgen.mindir import Value
from microgen.ops.attributes import Padding, same_or_valid
from microgen.ops.concatenation import Concatenation
from microgen.ops.mean import Mean
from microgen.ops.slice import Slice

# Regions of a pooling to a size that does not divide the image's are spelt out one by one.
_MAX_REGIONS = 64


@primitive("MaxPool")
def _max_pool(call: Call) -> Item:
    call.channels_first()
    x = call.tensor(0)
    check_image(x)
    kernel = spatial(call.integers("kernel_size"), "kernel_size")
    stride = spatial(call.integers("strides", None, 1), "strides")
    return nchw.max_pool(call.b, x, kernel=kernel, stride=stride, padding=padding_of(call, x, kernel, stride))


@primitive("MaxPoolWithArgmaxV2")
def _max_pool_argmax(call: Call) -> Item:
    x = call.tensor(0)
    check_image(x)
    kernel = spatial(call.integers("kernel_size"), "kernel_size")
    stride = spatial(call.integers("strides", None, 1), "strides")
    dilation = spatial(call.integers("dilation", None, 1), "dilation")
    pads = call.integers("pads", None, (0, 0))
    height, width = pads[-2:] if len(pads) > 1 else pads * 2
    # The entries of batch and channels are 0 or, as some versions write them, 1: neither is padded.
    padding = explicit((height, height, width, width))
    padding = _rounded_up(call, x, kernel, stride, dilation, padding)
    # The places of the maxima, a second result, are not computed.
    return (nchw.max_pool(call.b, x, kernel=kernel, stride=stride, dilation=dilation, padding=padding), None)


@primitive("MaxPool3DWithArgmax")
def _max_pool3d_argmax(call: Call) -> Item:
    x, kernel, stride, flat = _flat_volume(call, "ksize")
    dilation = spatial(call.integers("dilation", None, 1)[-2:], "dilation")
    pads = call.integers("pads", None, (0, 0, 0))
    if len(pads) != 3 or pads[0]:
        raise VerifyError(f"padding {list(pads)} of 3 dimensions is not supported")
    padding = _rounded_up(call, flat, kernel, stride, dilation, explicit((pads[1], pads[1], pads[2], pads[2])))
    y = nchw.max_pool(call.b, flat, kernel=kernel, stride=stride, dilation=dilation, padding=padding)
    return (_as_volume(call, y, x), None)


@primitive("AvgPool3D")
def _average_pool3d(call: Call) -> Item:
    x, kernel, stride, flat = _flat_volume(call, "kernel_size")
    if call.integer("divisor_override", None, 0):
        raise VerifyError("divisor_override is not supported")
    if call.pad_mode() == "pad":
        pads = call.integers("pad", None, call.integers("pad_list", None, (0,) * 6))
        if len(pads) != 6 or any(pads[:2]):
            raise VerifyError(f"padding {list(pads)} of 3 dimensions is not supported")
        padding = explicit(pads[2:])
    else:
        padding = same_or_valid(call.pad_mode().upper(), (x.shape[3], x.shape[4]), kernel, stride, (1, 1))
    if call.flag("ceil_mode"):
        raise VerifyError("ceil_mode is not supported")
    counted = call.flag("count_include_pad", None, True) and call.pad_mode() == "pad"
    y = nchw.average_pool(call.b, flat, kernel=kernel, stride=stride, padding=padding, count_padding=counted)
    return _as_volume(call, y, x)


@primitive("AvgPool")
def _average_pool(call: Call) -> Item:
    call.channels_first(4)
    x = call.tensor(0)
    check_image(x)
    kernel = spatial(call.integers("kernel_size", 1), "kernel_size")
    stride = spatial(call.integers("strides", 2, 1), "strides")
    padding = padding_of(call, x, kernel, stride, mode_at=3)
    return nchw.average_pool(call.b, x, kernel=kernel, stride=stride, padding=padding)


@primitive("AdaptiveAvgPool2D", "AdaptiveAvgPool2DExt")
def _adaptive_average(call: Call) -> Item:
    x, wanted = call.tensor(0), call.integers("output_size", 1)
    check_image(x)
    if len(wanted) == 1:
        wanted *= 2
    if len(wanted) != 2:
        raise VerifyError(f"output_size {list(wanted)} is not that of height and width")
    # MindSpore writes −1 for "as the input".
    size = [length if w == -1 else w for w, length in zip(wanted, x.shape[2:], strict=True)]
    if not all(1 <= s <= length for s, length in zip(size, x.shape[2:], strict=True)):
        raise VerifyError(f"output_size {list(wanted)} of an image {list(x.shape)}")
    if size == [1, 1]:
        return nchw.global_average(call.b, x)
    if all(length % s == 0 for s, length in zip(size, x.shape[2:], strict=True)):
        kernel = (x.shape[2] // size[0], x.shape[3] // size[1])
        return nchw.average_pool(call.b, x, kernel=kernel, stride=kernel)
    for axis, count in zip((2, 3), size, strict=True):
        x = _regions(call, x, axis, count)
    return x


def _regions(call: Call, x: Value, axis: int, count: int) -> Value:
    """Means of ``count`` regions along ``axis``, which overlap where ``count`` does not divide its length."""
    length = x.shape[axis]
    if count == length:
        return x
    if count > _MAX_REGIONS:
        raise VerifyError(f"pooling {length} to {count} is not supported")
    means = []
    for i in range(count):
        begin, end = i * length // count, -(-(i + 1) * length // count)
        start = tuple(begin if a == axis else 0 for a in range(4))
        size = tuple(end - begin if a == axis else s for a, s in enumerate(x.shape))
        part = call.b.add(Slice(start, size, (1, 1, 1, 1)), x)
        means.append(call.b.add(Mean((axis,), True), part))
    return means[0] if count == 1 else call.b.add(Concatenation(axis), *means)


def _rounded_up(
    call: Call,
    x: Value,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
) -> Padding:
    """``padding``, with ``ceil_mode`` enlarged so far that a last window which starts inside of it is complete."""
    if not call.flag("ceil_mode"):
        return padding
    ends = []
    pads = ((padding.top, padding.bottom), (padding.left, padding.right))
    for length, k, s, d, (before, after) in zip(x.shape[2:], kernel, stride, dilation, pads, strict=True):
        reach = (k - 1) * d + 1
        count = -(-(length + before + after - reach) // s) + 1
        if (count - 1) * s >= length + before:
            count -= 1
        ends.append(max((count - 1) * s + reach - length - before, after))
    return Padding(padding.top, padding.left, ends[0], ends[1])


def _flat_volume(call: Call, kernel_name: str) -> tuple[Value, tuple[int, int], tuple[int, int], Value]:
    """(input, kernel, stride, input as an image) of a 3-D pooling over one image, which 2-D layers are made of."""
    call.channels_first()
    x = call.tensor(0)
    sizes = [call.integers(kernel_name), call.integers("strides")]
    if len(x.shape) != 5 or x.shape[2] != 1 or any(len(v) not in (3, 5) or v[-3] != 1 for v in sizes):
        raise VerifyError("pooling over 3 dimensions is not supported, only over images")
    kernel, stride = (spatial(v[-2:], "window") for v in sizes)
    return x, kernel, stride, nchw.reshape(call.b, x, (*x.shape[:2], *x.shape[3:]))


def _as_volume(call: Call, y: Value, x: Value) -> Value:
    return nchw.reshape(call.b, y, (*y.shape[:2], 1, *y.shape[2:]))
