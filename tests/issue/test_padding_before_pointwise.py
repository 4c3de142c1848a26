"""Padding below or right of a pointwise convolution was fused into it, which its kernel then refused on the device."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.mindir import Graph, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.conv2d import Conv2D
from microgen.ops.pad import Pad
from microgen.passes import optimize
from microgen.runtime import Session
from microgen.verification import sample_inputs


def padded_convolution(kernel: int, amounts: tuple[tuple[int, int], tuple[int, int]]) -> Graph:
    x = Value("x", sampling.int8((1, 4, 5, 3)))
    pad = Pad(((0, 0), *amounts, (0, 0)))
    (dtype, shape), = pad.infer(Node(pad, (x,), (), "pad"))  # fmt: skip
    padded = Value("padded", TensorType(dtype, shape, x.type.quant))
    weights = sampling.weights("w", (2, kernel, kernel, 3))
    ((dtype, shape),) = Conv2D().infer(Node(Conv2D(), (padded, weights, None), (), "conv"))
    y = Value("y", TensorType(dtype, shape, QuantParams.per_tensor(0.3, -3)))
    nodes = [Node(pad, (x,), (padded,), "pad"), Node(Conv2D(), (padded, weights, None), (y,), "conv")]
    return Graph("g", [x], [y], nodes)


@pytest.mark.parametrize("amounts", [((0, 1), (0, 1)), ((0, 0), (0, 2)), ((1, 1), (1, 1))])
def test_padding_stays_in_front_of_a_pointwise_convolution(amounts: tuple[tuple[int, int], tuple[int, int]]) -> None:
    graph = padded_convolution(1, amounts)
    result = optimize(graph)
    assert [node.op.name for node in result.nodes] == ["Pad", "Conv2D"]
    inputs = sample_inputs([v.type for v in graph.inputs], 4)
    np.testing.assert_array_equal(Session(graph).run(inputs)[0], Session(result).run(inputs)[0])


def test_padding_below_and_right_is_fused_into_larger_kernels() -> None:
    assert [n.op.name for n in optimize(padded_convolution(2, ((0, 1), (0, 1)))).nodes] == ["Conv2D"]
