"""Pooling: automatic padding, sizes rounded up, dilation, padding that counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.onnx.context import Context, Results, translates
from microgen.frontends.onnx.convolutions import image_of, padding, pads, spatial
from microgen.frontends.onnx.reductions import powered, root
from microgen.mindir import Value
from microgen.ops.attributes import Padding
from microgen.ops.depthwise_conv2d import DepthwiseConv2D


@dataclass(frozen=True)
class Window:
    """A sliding window over 1 or 2 spatial dimensions."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Padding
    #: What rounding the size up adds behind the padding.
    beyond: Padding


def window(n: Context, x: Value) -> Window:
    """The node's window over ``x``."""
    size = image_of(x)
    rank = len(size)
    kernel = n.attrs.integer_list("kernel_shape")
    if len(kernel) != rank or any(k < 1 for k in kernel):
        raise VerifyError(f"attribute kernel_shape is {list(kernel)}")
    stride, dilation = spatial(n, "strides", rank, 1), spatial(n, "dilations", rank, 1)
    before, after = pads(n, size, kernel, stride, dilation)
    beyond = [0] * rank
    if n.attrs.integer("ceil_mode", 0) and n.attrs.text("auto_pad", "NOTSET") == "NOTSET":
        for i in range(rank):
            reach = (kernel[i] - 1) * dilation[i] + 1
            padded = size[i] + before[i] + after[i]
            count = -(-(padded - reach) // stride[i]) + 1
            if (count - 1) * stride[i] >= size[i] + before[i]:
                # A window that would start behind the image is left out.
                count -= 1
            beyond[i] = max((count - 1) * stride[i] + reach - padded, 0)
    return Window(kernel, stride, dilation, padding(before, after), padding((0,) * rank, beyond))


@translates("MaxPool")
def _max_pool(n: Context) -> Results:
    if n.wants(1):
        raise VerifyError("the output Indices is not supported")
    x = n.x()
    w = window(n, x)
    return nchw.max_pool(n.b, x, kernel=w.kernel, stride=w.stride, dilation=w.dilation, padding=w.padding + w.beyond)


@translates("AveragePool")
def _average_pool(n: Context) -> Results:
    x = n.x()
    w = window(n, x)
    return nchw.average_pool(
        n.b,
        x,
        kernel=w.kernel,
        stride=w.stride,
        dilation=w.dilation,
        padding=w.padding,
        beyond=w.beyond,
        count_padding=bool(n.attrs.integer("count_include_pad", 0)),
    )


@translates("LpPool")
def _lp_pool(n: Context) -> Results:
    x = n.x()
    w, power = window(n, x), n.attrs.integer("p", 2)
    image = nchw.to_nhwc(n.b, powered(n, x, power))
    ones = n.constant(np.ones((1, *nchw.pair(w.kernel), image.shape[3])), image)
    op = DepthwiseConv2D(stride=nchw.pair(w.stride), dilation=nchw.pair(w.dilation), padding=w.padding + w.beyond)
    return root(n, nchw.to_nchw(n.b, n.b.add(op, image, ones), len(x.shape)), power)
