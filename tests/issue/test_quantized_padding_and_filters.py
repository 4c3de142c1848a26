"""In QDQ form, a border of zeros became one of integers 0, and filters of 1×1 lost their scales by channel.

The first is wrong wherever the zero point is not 0; the second left a depthwise convolution in float.
"""

from __future__ import annotations

import numpy as np

from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, QuantParams, TensorType
from microgen.ops import sampling
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.dequantize import Dequantize
from microgen.ops.pad import Pad
from microgen.ops.quantize import Quantize
from microgen.ops.reshape import Reshape
from microgen.passes import optimize
from microgen.runtime import Session


def test_a_border_of_zeros_is_one_of_zero_points() -> None:
    quant = QuantParams.per_tensor(0.05, 3)
    b = GraphBuilder("border")
    x = b.input("x", TensorType(DType.INT8, (1, 3), quant))
    padded = b.add(Pad(((0, 0), (1, 2)), 0.0), b.add(Dequantize(qdq=True), x))
    y = b.add(Quantize(DType.INT8), padded, quant=quant)
    data = np.array([[[7, 8, 9]]], np.int8)
    (result,) = Session(optimize(b.graph([y]))).run([data])
    np.testing.assert_array_equal(result, [[[3, 7, 8, 9, 3, 3]]])


def test_scales_by_channel_go_through_a_reshape() -> None:
    scales = (0.01, 0.02, 0.03)
    b = GraphBuilder("filter")
    x = b.input("x", TensorType(DType.INT8, (1, 4, 4, 3), QuantParams.per_tensor(0.05, 3)))
    weights = sampling.constant(
        "w", np.array([5, -90, 127], np.int8).reshape(3, 1, 1, 1), QuantParams(scales, (0,) * 3, 0)
    )
    filter_ = b.add(Reshape((1, 1, 1, 3)), b.add(Dequantize(qdq=True), weights))
    result = b.add(DepthwiseConv2D(), b.add(Dequantize(qdq=True), x), filter_, None)
    y = b.add(Quantize(DType.INT8), result, quant=QuantParams.per_tensor(0.06, -5))
    (node,) = optimize(b.graph([y])).nodes
    assert node.op.name == "DepthwiseConv2D" and node.output.type.dtype is DType.INT8
    assert node.input(1).type.quant == QuantParams(scales, (0,) * 3, 3)
