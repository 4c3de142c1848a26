"""Convolutions and their padding."""

from __future__ import annotations

import math
from collections.abc import Sequence

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.elementwise import cast
from microgen.frontends.onnx.matrices import shifted
from microgen.mindir import DType, QuantParams, Value
from microgen.mindir.types import MAX_TENSOR_BYTES
from microgen.ops.attributes import Padding
from microgen.ops.base import Op
from microgen.ops.clip import Clip
from microgen.ops.leaky_relu import LeakyRelu
from microgen.ops.logistic import Logistic
from microgen.ops.relu import Relu
from microgen.ops.tanh import Tanh


def spatial(n: Context, name: str, rank: int, default: int) -> tuple[int, ...]:
    """A list attribute with one number for each spatial dimension."""
    values = n.attrs.integer_list(name, (default,) * rank)
    if len(values) != rank:
        raise VerifyError(f"attribute {name} has {len(values)} numbers for {rank} spatial dimensions")
    low = 0 if name == "output_padding" else 1
    if any(v < low for v in values):
        raise VerifyError(f"attribute {name} is {list(values)}")
    return values


def pads(
    n: Context, size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(before, after) of each spatial dimension, from ``pads`` or ``auto_pad``."""
    rank, kind = len(size), n.attrs.text("auto_pad", "NOTSET")
    if kind == "NOTSET":
        values = n.attrs.integer_list("pads", (0,) * (2 * rank))
        if len(values) != 2 * rank or any(v < 0 for v in values):
            raise VerifyError(f"attribute pads is {list(values)}")
        padded = [d + b + a for d, b, a in zip(size, values[:rank], values[rank:], strict=True)]
        if math.prod(padded) > MAX_TENSOR_BYTES:
            raise VerifyError(f"attribute pads is {list(values)}: the padded image has {padded} pixels")
        return values[:rank], values[rank:]
    if kind == "VALID":
        return (0,) * rank, (0,) * rank
    if kind not in ("SAME_UPPER", "SAME_LOWER"):
        raise VerifyError(f"auto_pad {kind} is not supported")
    before, after = [], []
    for i, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-i // s) - 1) * s + (k - 1) * d + 1 - i, 0)
        small, large = total // 2, total - total // 2
        before.append(small if kind == "SAME_UPPER" else large)
        after.append(large if kind == "SAME_UPPER" else small)
    return tuple(before), tuple(after)


def padding(before: Sequence[int], after: Sequence[int]) -> Padding:
    """Padding of an image from that of its 1 or 2 spatial dimensions."""
    top, left = nchw.pair(before, 0)
    bottom, right = nchw.pair(after, 0)
    return Padding(top, left, bottom, right)


def image_of(x: Value) -> tuple[int, ...]:
    """The sizes of the spatial dimensions."""
    nchw.check_image(x)
    return x.shape[2:]


def convolve(n: Context, x: Value, weights: Value, bias: Value | None, quant: QuantParams | None = None) -> Value:
    """Conv with the node's attributes; ``quant`` is the result's quantization."""
    size = image_of(x)
    rank = len(size)
    if len(weights.shape) != len(x.shape):
        raise VerifyError(f"weights of {len(weights.shape)} dimensions for an input of {len(x.shape)}")
    kernel = weights.shape[2:]
    if n.attrs.integer_list("kernel_shape", kernel) != kernel:
        raise VerifyError(f"kernel_shape is not that of the weights, {list(kernel)}")
    stride, dilation = spatial(n, "strides", rank, 1), spatial(n, "dilations", rank, 1)
    return nchw.convolution(
        n.b,
        x,
        weights,
        bias,
        stride=stride,
        dilation=dilation,
        padding=padding(*pads(n, size, kernel, stride, dilation)),
        groups=n.attrs.integer("group", 1),
        quant=quant,
    )


@translates("Conv")
def _conv(n: Context) -> Results:
    return convolve(n, n.x(0), n.x(1), n.opt(2))


@translates("ConvInteger")
def _conv_integer(n: Context) -> Results:
    return integer_sums(n, shifted(n, n.x(0), n.opt(2)), shifted(n, n.x(1), n.opt(3), 0))


def integer_sums(n: Context, x: Value, weights: Value) -> Value:
    """The convolution of int32 numbers: in double precision, where sums of 8-bit products are exact."""
    wide = (cast(n, v, DType.FLOAT64) for v in (x, weights))
    return cast(n, convolve(n, next(wide), next(wide), None), DType.INT32)


@translates("com.microsoft:FusedConv")
def _fused_conv(n: Context) -> Results:
    if n.has(3):
        raise VerifyError("a fused sum is not supported")
    y = convolve(n, n.x(0), n.x(1), n.opt(2))
    kind = n.attrs.text("activation", "")
    simple: dict[str, Op] = {"Relu": Relu(), "Tanh": Tanh(), "Sigmoid": Logistic()}
    if not kind:
        return y
    params = n.attributes.get("activation_params", ())
    numbers = [float(v) for v in params] if isinstance(params, tuple) else []
    if kind in simple:
        return n.b.add(simple[kind], y)
    if kind == "LeakyRelu" and len(numbers) == 1:
        return n.b.add(LeakyRelu(numbers[0]), y)
    if kind == "Clip" and len(numbers) == 2:
        return n.b.add(Clip(numbers[0], numbers[1]), y)
    raise VerifyError(f"activation {kind} is not supported")


@translates("ConvTranspose")
def _conv_transpose(n: Context) -> Results:
    x, weights, bias = n.x(0), n.x(1), n.opt(2)
    size = image_of(x)
    rank = len(size)
    kernel = weights.shape[2:]
    if len(kernel) != rank or n.attrs.integer_list("kernel_shape", kernel) != kernel:
        raise VerifyError(f"weights {list(weights.shape)} do not fit kernel_shape or the input's {rank} dimensions")
    stride, dilation = spatial(n, "strides", rank, 1), spatial(n, "dilations", rank, 1)
    extra = list(spatial(n, "output_padding", rank, 0))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    whole = [s * (i - 1) + r for i, s, r in zip(size, stride, reach, strict=True)]
    kind = n.attrs.text("auto_pad", "NOTSET")
    if n.attrs.has("output_shape") or kind.startswith("SAME"):
        before, after = _cut(n, kind, size, stride, [w + e for w, e in zip(whole, extra, strict=True)])
    else:
        before, after = map(list, pads(n, size, kernel, stride, dilation))
    for i in range(rank):
        if after[i] < 0:
            # Nothing to cut off but something to add.
            extra[i], after[i] = extra[i] - after[i], 0
    if any(v < 0 for v in before):
        raise VerifyError("output_shape asks for more than the convolution computes at the top or left")
    return nchw.transposed_convolution(
        n.b,
        x,
        weights,
        bias,
        stride=stride,
        dilation=dilation,
        padding=padding(before, after),
        output_padding=extra,
        groups=n.attrs.integer("group", 1),
    )


def _cut(
    n: Context, kind: str, size: Sequence[int], stride: Sequence[int], whole: Sequence[int]
) -> tuple[list[int], list[int]]:
    """What is cut off (before, after) so that the result has the wanted size."""
    given = n.attrs.integer_list("output_shape", tuple(i * s for i, s in zip(size, stride, strict=True)))
    if len(given) < len(size):
        raise VerifyError(f"attribute output_shape is {list(given)} for {len(size)} spatial dimensions")
    before, after = [], []
    for w, wanted in zip(whole, given[-len(size) :], strict=True):
        total = w - wanted
        first = total // 2 if kind == "SAME_UPPER" else total - total // 2
        before.append(first)
        after.append(total - first)
    return before, after
