"""Scales and shifts in float: into convolutions and dense layers, merged, or one layer of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, Graph, TensorType, Value
from microgen.ops.attributes import Activation, Padding
from tests.support.networks import OPS, names, optimized


class Builder:
    """NHWC graphs with seeded constants."""

    def __init__(self) -> None:
        self.b = GraphBuilder("test")
        self.rng = np.random.default_rng(3)

    def input(self, *shape: int) -> Value:
        return self.b.input("input", TensorType(DType.FLOAT32, shape))

    def const(self, *shape: int, low: float = 0.5, high: float = 1.5) -> Value:
        return self.b.constant(self.rng.uniform(low, high, shape).astype(np.float32))

    def number(self, value: float) -> Value:
        return self.b.constant(np.array(value, np.float32))

    def add(self, op: object, *inputs: Value | None) -> Value:
        return self.b.add(op, *inputs)  # type: ignore[arg-type]

    def graph(self, *outputs: Value) -> Graph:
        return self.b.graph(outputs)


def image() -> tuple[Builder, Value]:
    b = Builder()
    return b, b.input(1, 6, 6, 4)


def conv(b: Builder, x: Value, **attributes: object) -> Value:
    return b.add(OPS.Conv2D(**attributes), x, b.const(5, 3, 3, x.shape[3], low=-1), b.const(5))


def depthwise(b: Builder, x: Value, **attributes: object) -> Value:
    return b.add(OPS.DepthwiseConv2D(**attributes), x, b.const(1, 3, 3, 2 * x.shape[3], low=-1), None)


def grouped(b: Builder, x: Value, **attributes: object) -> Value:
    return b.add(OPS.Conv2D(**attributes), x, b.const(6, 3, 3, x.shape[3] // 2, low=-1), b.const(6))


def transposed(b: Builder, x: Value, **attributes: object) -> Value:
    op = OPS.TransposeConv2D(stride=(2, 2), output_padding=(1, 1), **attributes)
    return b.add(op, x, b.const(3, 2, 2, x.shape[3], low=-1), b.const(3))


def dense(b: Builder, x: Value, **attributes: object) -> Value:
    return b.add(OPS.FullyConnected(keep_dims=True, **attributes), x, b.const(7, x.shape[-1], low=-1), None)


LAYERS = [conv, depthwise, grouped, transposed, dense]


@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_behind_folds(layer: Callable[..., Value]) -> None:
    b, x = image()
    y = layer(b, x)
    channels = y.shape[-1]
    y = b.add(OPS.Sub(), y, b.const(1, 1, 1, channels))
    y = b.add(OPS.Div(), y, b.const(channels))
    y = b.add(OPS.Mul(), b.const(1, channels), y)
    y = b.add(OPS.Relu(), b.add(OPS.Add(), y, b.number(0.25)))
    result = optimized(b.graph(y))
    assert len(result.nodes) == 1 and vars(result.nodes[0].op)["activation"] is Activation.RELU


@pytest.mark.parametrize("layer", LAYERS)
def test_a_factor_before_folds(layer: Callable[..., Value]) -> None:
    b, x = image()
    y = layer(b, b.add(OPS.Mul(), x, b.const(4)))
    assert len(optimized(b.graph(y)).nodes) == 1


@pytest.mark.parametrize("layer", [conv, depthwise, grouped, dense])
def test_a_shift_before_folds(layer: Callable[..., Value]) -> None:
    b, x = image()
    y = layer(b, b.add(OPS.Add(), b.add(OPS.Mul(), x, b.number(1 / 255)), b.const(1, 1, 1, 4)))
    assert len(optimized(b.graph(y)).nodes) == 1


def test_a_shift_before_padding_stays() -> None:
    b, x = image()
    y = conv(b, b.add(OPS.Add(), x, b.const(4)), padding=Padding(1, 1, 1, 1))
    assert names(optimized(b.graph(y))) == ["Add", "Conv2D"]


def test_a_shift_before_a_transposed_convolution_stays() -> None:
    b, x = image()
    assert names(optimized(b.graph(transposed(b, b.add(OPS.Add(), x, b.const(4)))))) == ["Add", "TransposeConv2D"]


def test_a_factor_before_a_flattening_dense_layer_folds() -> None:
    b, x = image()
    y = b.add(OPS.Mul(), x, b.const(4))
    y = b.add(OPS.FullyConnected(), y, b.const(3, 144, low=-1), None)
    assert names(optimized(b.graph(y))) == ["FullyConnected"]


def test_what_others_read_stays() -> None:
    b, x = image()
    y = conv(b, x)
    z = b.add(OPS.Mul(), y, b.const(5))
    assert names(optimized(b.graph(z, y))) == ["Conv2D", "Mul"]


def test_what_is_clamped_before_stays() -> None:
    b, x = image()
    y = b.add(OPS.Mul(), conv(b, x, activation=Activation.RELU6), b.const(5))
    assert names(optimized(b.graph(y))) == ["Conv2D", "Mul"]


def test_factors_that_vary_over_the_image_stay() -> None:
    b, x = image()
    y = conv(b, x)
    y = b.add(OPS.Mul(), y, b.const(y.shape[1], 1, 1))
    assert names(optimized(b.graph(y))) == ["Conv2D", "Mul"]


def test_factors_merge() -> None:
    b, x = image()
    y = b.add(OPS.Mul(), b.add(OPS.Mul(), x, b.const(6, 1, 4)), b.const(6, 1, 1))
    assert names(optimized(b.graph(y))) == ["Mul"]


def test_summands_merge() -> None:
    b, x = image()
    y = b.add(OPS.Sub(), b.add(OPS.Add(), x, b.const(6, 1, 4)), b.number(3))
    assert names(optimized(b.graph(b.add(OPS.Relu(), y)))) == ["Add"]


def test_a_difference_from_a_constant_is_no_shift_alone() -> None:
    b, x = image()
    y = conv(b, b.add(OPS.Sub(), b.const(4), x))
    assert names(optimized(b.graph(y))) == ["Conv2D"]


def test_what_does_nothing_goes() -> None:
    b, x = image()
    y = b.add(OPS.Add(), b.add(OPS.Mul(), b.add(OPS.Logistic(), x), b.number(1)), b.number(0))
    assert names(optimized(b.graph(b.add(OPS.Tanh(), y)))) == ["Logistic", "Tanh"]


def test_a_batch_normalization_that_folds_nowhere_is_one_layer() -> None:
    b, x = image()
    y = b.add(OPS.Add(), b.add(OPS.Mul(), b.add(OPS.Logistic(), x), b.const(4)), b.const(4))
    graph = optimized(b.graph(conv(b, b.add(OPS.Relu(), y), padding=Padding(1, 1, 1, 1))))
    assert names(graph) == ["Logistic", "DepthwiseConv2D", "Conv2D"]


def test_a_division_by_a_constant_is_a_product() -> None:
    b = Builder()
    x = b.input(1, 2, 8, 8)
    other = b.b.input("other", TensorType(DType.FLOAT32, (1, 2, 8, 8)))
    graph = optimized(
        b.graph(b.add(OPS.Softmax(), b.add(OPS.Div(), b.add(OPS.BatchMatMul(), x, other), b.number(3.0))))
    )
    assert names(graph) == ["BatchMatMul", "Mul", "Softmax"]


def test_a_pad_behind_whose_change_of_shape_a_convolution_stands_is_fused() -> None:
    b = Builder()
    x = b.input(1, 1, 6, 4)
    padded = b.add(OPS.Pad(((0, 0), (0, 0), (1, 2), (1, 1)), 0.0), x)
    image = b.add(OPS.Reshape((1, 9, 6, 1)), padded)
    graph = optimized(b.graph(conv(b, image)))
    assert names(graph) == ["Reshape", "Conv2D"]
    assert graph.nodes[1].op.padding == Padding(1, 1, 2, 1)  # type: ignore[attr-defined]


def test_a_division_by_zero_stays() -> None:
    b, x = image()
    zeros = b.b.constant(np.zeros(5, np.float32))
    from microgen.passes import optimize

    assert names(optimize(b.graph(b.add(OPS.Div(), conv(b, x), zeros)))) == ["Conv2D", "Div"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_product_with_a_constant_is_a_dense_layer(swapped: bool) -> None:
    b = Builder()
    x = b.input(2, 5, 8)
    shape = (1, 6, 8) if swapped else (8, 6)
    y = b.add(OPS.BatchMatMul(transpose_b=swapped), x, b.const(*shape, low=-1))
    y = b.add(OPS.Relu(), b.add(OPS.Add(), b.const(6), y))
    graph = optimized(b.graph(y))
    assert names(graph) == ["FullyConnected"] and graph.nodes[0].optional_input(2) is not None


def test_a_product_of_a_constant_stays() -> None:
    b = Builder()
    y = b.add(OPS.BatchMatMul(), b.const(6, 5), b.input(5, 8))
    assert names(optimized(b.graph(y))) == ["BatchMatMul"]


def test_a_convolution_with_a_group_for_each_channel_is_depthwise() -> None:
    b, x = image()
    y = b.add(OPS.Conv2D(padding=Padding(1, 0, 1, 0)), x, b.const(8, 3, 3, 1, low=-1), b.const(8))
    assert names(optimized(b.graph(y))) == ["DepthwiseConv2D"]


def test_zero_padding_is_fused_in_float() -> None:
    b, x = image()
    padded = b.add(OPS.Pad(((0, 0), (1, 2), (0, 1), (0, 0))), x)
    graph = optimized(b.graph(conv(b, padded)))
    assert names(graph) == ["Conv2D"] and vars(graph.nodes[0].op)["padding"] == Padding(1, 0, 2, 1)


@pytest.mark.parametrize(
    ("pool", "fill", "fused"), [("MaxPool2D", -np.inf, True), ("MaxPool2D", 0.0, False), ("AveragePool2D", 0.0, False)]
)
def test_padding_before_pooling(pool: str, fill: float, fused: bool) -> None:
    b, x = image()
    padded = b.add(OPS.Pad(((0, 0), (1, 1), (1, 0), (0, 0)), fill), x)
    graph = optimized(b.graph(b.add(getattr(OPS, pool)(kernel=(2, 2), stride=(2, 2)), padded)))
    assert names(graph) == ([pool] if fused else ["Pad", pool])


@pytest.mark.parametrize(
    ("begin", "size", "padding"),
    [
        ((0, 0, 0, 0), (1, 3, 3, 5), Padding(1, 2, 1, 0)),
        ((0, 0, 1, 0), (1, 3, 3, 5), Padding(1, 0, 1, 2)),
        ((0, 1, 0, 0), (1, 2, 4, 5), None),
        ((0, 0, 0, 1), (1, 3, 4, 4), None),
    ],
)
def test_what_is_cut_off_comes_from_the_padding(
    begin: tuple[int, ...], size: tuple[int, ...], padding: Padding | None
) -> None:
    b, x = image()
    y = b.add(OPS.Slice(begin, size), conv(b, x, stride=(2, 2), padding=Padding(1, 2, 1, 2)))
    graph = optimized(b.graph(b.add(OPS.Relu(), y)))
    if padding is None:
        assert "Slice" in names(graph)
    else:
        assert names(graph) == ["Conv2D"] and vars(graph.nodes[0].op)["padding"] == padding
