"""Average pooling with gaps between the positions of a window, by operators that have gaps."""

from __future__ import annotations

import numpy as np

from microgen.errors import VerifyError
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Value
from microgen.ops.attributes import Padding
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.mul import Mul


def dilated_average(
    b: GraphBuilder,
    image: Value,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
    total: Padding,
    count_padding: bool,
) -> Value:
    """Sums of windows by a depthwise convolution with ones, divided by the number of positions that count."""
    if image.type.quant is not None:
        raise VerifyError("dilation of a quantized average pool is not supported")
    ones = b.constant(np.ones((1, *window, image.shape[3]), image.type.dtype.numpy), f"{b.scope}/ones")
    op = DepthwiseConv2D(stride=stride, dilation=dilation, padding=total)
    sums = b.add(op, image, ones)
    height, width = image.shape[1:3]
    counted = np.zeros((total.top + height + total.bottom, total.left + width + total.right))
    if count_padding:
        outer = Padding(*(getattr(total, s) - getattr(padding, s) for s in ("top", "left", "bottom", "right")))
    else:
        outer = total
    rows = slice(outer.top, counted.shape[0] - outer.bottom)
    columns = slice(outer.left, counted.shape[1] - outer.right)
    counted[rows, columns] = 1.0
    out_h, out_w = sums.shape[1:3]
    counts = np.zeros((out_h, out_w))
    for y in range(window[0]):
        for x in range(window[1]):
            y0, x0 = y * dilation[0], x * dilation[1]
            counts += counted[
                y0 : y0 + (out_h - 1) * stride[0] + 1 : stride[0], x0 : x0 + (out_w - 1) * stride[1] + 1 : stride[1]
            ]
    with np.errstate(divide="ignore"):
        factor = (1.0 / counts).reshape(1, out_h, out_w, 1)
    return b.add(Mul(), sums, b.constant(factor.astype(image.type.dtype.numpy), f"{b.scope}/counts"))
