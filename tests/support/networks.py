"""Small float networks with channels in front, as ONNX and MindSpore files have them, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from microgen.frontends import nchw
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Array, DType, Graph, TensorType, Value, to_text
from microgen.ops.attributes import Padding
from microgen.ops.registry import operators
from microgen.passes import optimize
from microgen.runtime import Session

#: Every operator by its name.
OPS = SimpleNamespace(**{operator.name: operator for operator in operators()})


class Net:
    """A builder with the layers of networks that have channels in front, and seeded weights."""

    def __init__(self, seed: int = 0) -> None:
        self.b = GraphBuilder("net")
        self.rng = np.random.default_rng(seed)

    def input(self, *shape: int) -> Value:
        return self.b.input("input", TensorType(DType.FLOAT32, shape))

    def const(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Value:
        return self.b.constant(self.rng.uniform(low, high, shape).astype(np.float32))

    def weights(self, *shape: int) -> Value:
        limit = float(np.sqrt(3 / np.prod(shape[1:])))
        return self.const(*shape, low=-limit, high=limit)

    def conv(self, x: Value, channels: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> Value:
        half = kernel // 2
        one = len(x.shape) == 3
        sizes = (kernel,) if one else (kernel, kernel)
        padding = Padding(0, half, 0, half) if one else Padding(half, half, half, half)
        filter_ = self.weights(channels, x.shape[1] // groups, *sizes)
        steps = (stride,) * len(sizes)
        return nchw.convolution(self.b, x, filter_, None, stride=steps, padding=padding, groups=groups)

    def norm(self, x: Value) -> Value:
        shape = (x.shape[1], *(1,) * (len(x.shape) - 2))
        scaled = self.b.add(OPS.Mul(), x, self.const(*shape, low=0.5, high=1.5))
        return self.b.add(OPS.Add(), scaled, self.const(*shape))

    def block(self, x: Value, channels: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> Value:
        return self.relu(self.norm(self.conv(x, channels, kernel, stride, groups)))

    def relu(self, x: Value) -> Value:
        return self.b.add(OPS.Relu(), x)

    def add(self, op: object, *inputs: Value | None) -> Value:
        return self.b.add(op, *inputs)  # type: ignore[arg-type]

    def flat(self, x: Value) -> Value:
        return self.b.add(OPS.Reshape((x.shape[0], -1)), x)

    def dense(self, x: Value, units: int) -> Value:
        return self.b.add(OPS.FullyConnected(), x, self.weights(units, x.shape[-1]), self.const(units))

    def graph(self, *outputs: Value) -> Graph:
        return self.b.graph(outputs)


def names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def inputs_of(graph: Graph, samples: int = 3) -> list[Array]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=(samples, *v.shape)).astype(v.type.dtype.numpy) for v in graph.inputs]


def optimized(graph: Graph) -> Graph:
    """The optimized graph, after checking that it computes the same numbers and that nothing is left to do."""
    result = optimize(graph)
    given = inputs_of(graph)
    for a, b in zip(Session(graph).run(given), Session(result).run(given), strict=True):
        assert a.shape == b.shape
        wanted, found = a.astype(np.float64), b.astype(np.float64)
        np.testing.assert_allclose(wanted, found, rtol=0, atol=1e-5 * max(1e-3, float(np.abs(wanted).max())))
    assert [v.type for v in graph.outputs] == [v.type for v in result.outputs]
    assert [v.name for v in graph.outputs] == [v.name for v in result.outputs]
    computed = [value.name for node in result.nodes for value in node.outputs]
    assert len(set(computed)) == len(computed)
    assert to_text(optimize(result)) == to_text(result)
    return result


def plain_cnn() -> Graph:
    n = Net()
    x = n.block(n.input(1, 3, 16, 16), 8)
    x = nchw.max_pool(n.b, x, kernel=(2, 2), stride=(2, 2))
    x = n.relu(n.conv(x, 12))
    x = nchw.average_pool(n.b, x, kernel=(2, 2), stride=(2, 2))
    return n.graph(n.add(OPS.Softmax(), n.dense(n.relu(n.dense(n.flat(x), 20)), 10)))


def resnet() -> Graph:
    n = Net()
    x = n.block(n.input(1, 3, 16, 16), 8)
    y = n.norm(n.conv(n.block(x, 8), 8))
    x = n.relu(n.add(OPS.Add(), y, x))
    y = n.norm(n.conv(n.block(x, 16, stride=2), 16))
    x = n.relu(n.add(OPS.Add(), y, n.norm(n.conv(x, 16, 1, 2))))
    y = n.norm(n.conv(n.block(x, 16), 16))
    x = n.relu(n.add(OPS.Add(), x, y))
    return n.graph(n.dense(n.flat(nchw.global_average(n.b, x)), 10))


def mobilenet() -> Graph:
    n = Net()

    def relu6(x: Value) -> Value:
        return n.add(OPS.Clip(0.0, 6.0), x)

    def squeeze_excite(x: Value) -> Value:
        s = nchw.global_average(n.b, x)
        s = n.relu(n.conv(s, 4, 1))
        return n.add(OPS.Mul(), x, n.add(OPS.HardSigmoid(), n.conv(s, x.shape[1], 1)))

    def inverted(x: Value, channels: int, stride: int) -> Value:
        wide = 3 * x.shape[1]
        y = relu6(n.norm(n.conv(x, wide, 1)))
        y = relu6(n.norm(n.conv(y, wide, 3, stride, wide)))
        y = n.norm(n.conv(squeeze_excite(y), channels, 1))
        return n.add(OPS.Add(), x, y) if stride == 1 and channels == x.shape[1] else y

    x = relu6(n.norm(n.conv(n.input(1, 3, 32, 32), 8, 3, 2)))
    x = inverted(inverted(inverted(x, 8, 1), 12, 2), 12, 1)
    x = n.add(OPS.Mean((2, 3), False), relu6(n.norm(n.conv(x, 24, 1))))
    return n.graph(n.dense(x, 10))


def mobilenet_with_dense_gates() -> Graph:
    """Squeeze and excitation by dense layers, as Keras and timm spell it."""
    n = Net()
    x = n.block(n.input(1, 3, 16, 16), 8)
    s = n.dense(n.relu(n.dense(n.add(OPS.Mean((2, 3), False), x), 4)), 8)
    s = n.add(OPS.Reshape((1, 8, 1, 1)), n.add(OPS.Logistic(), s))
    x = n.conv(n.add(OPS.Mul(), x, s), 6)
    return n.graph(n.dense(n.add(OPS.Mean((2, 3), False), x), 5))


def _unet(up: Callable[[Net, Value, int], Value]) -> Graph:
    n = Net()
    first = n.block(n.input(1, 1, 16, 16), 4)
    second = n.block(nchw.max_pool(n.b, first, kernel=(2, 2), stride=(2, 2)), 8)
    third = n.block(nchw.max_pool(n.b, second, kernel=(2, 2), stride=(2, 2)), 16)
    x = n.block(n.add(OPS.Concatenation(1), up(n, third, 8), second), 8)
    x = n.block(n.add(OPS.Concatenation(1), first, up(n, x, 4)), 4)
    return n.graph(n.add(OPS.Logistic(), n.conv(x, 1, 1)))


def unet_transposed() -> Graph:
    def up(n: Net, x: Value, channels: int) -> Value:
        filter_ = n.weights(x.shape[1], channels, 2, 2)
        return nchw.transposed_convolution(n.b, x, filter_, n.const(channels), stride=(2, 2))

    return _unet(up)


def unet_resized() -> Graph:
    def up(n: Net, x: Value, channels: int) -> Value:
        image = nchw.to_nhwc(n.b, x)
        size = (2 * image.shape[1], 2 * image.shape[2])
        return n.conv(nchw.to_nchw(n.b, n.add(OPS.ResizeNearest(size), image)), channels, 1)

    return _unet(up)


def ds_cnn() -> Graph:
    n = Net()
    x = n.block(n.input(1, 1, 49, 10), 16, 5, 2)
    for _ in range(3):
        x = n.block(n.block(x, 16, 3, 1, 16), 16, 1)
    x = nchw.average_pool(n.b, x, kernel=x.shape[2:], stride=x.shape[2:])
    return n.graph(n.add(OPS.Softmax(), n.dense(n.flat(x), 12)))


def tcn() -> Graph:
    n = Net()

    def causal(x: Value, channels: int, dilation: int) -> Value:
        padded = n.add(OPS.Pad(((0, 0), (0, 0), (2 * dilation, 0))), x)
        filter_ = n.weights(channels, x.shape[1], 3)
        return n.norm(nchw.convolution(n.b, padded, filter_, n.const(channels), dilation=(dilation,)))

    x = n.input(1, 6, 32)
    for index, channels in enumerate((8, 8, 12)):
        y = n.relu(causal(n.relu(causal(x, channels, 1 << index)), channels, 1 << index))
        shortcut = x if x.shape[1] == channels else n.conv(x, channels, 1)
        x = n.relu(n.add(OPS.Add(), y, shortcut))
    return n.graph(n.dense(n.add(OPS.Mean((2,), False), x), 4))


def shuffled() -> Graph:
    """Channels are shuffled between groups: the one transpose that is left is the shuffle's own."""
    n = Net()
    x = n.block(n.input(1, 3, 8, 8), 8)
    x = n.add(OPS.Transpose((0, 2, 1, 3, 4)), n.add(OPS.Reshape((1, 2, 4, 8, 8)), x))
    x = n.conv(n.add(OPS.Reshape((1, 8, 8, 8)), x), 6)
    return n.graph(n.dense(n.add(OPS.Mean((2, 3), False), x), 5))


#: Networks, and the operators that are left of them besides changes of layout and shape.
NETWORKS: list[tuple[Callable[[], Graph], set[str]]] = [
    (plain_cnn, {"Conv2D", "MaxPool2D", "AveragePool2D", "FullyConnected", "Softmax"}),
    (resnet, {"Conv2D", "Add", "Mean", "FullyConnected"}),
    (mobilenet, {"Conv2D", "DepthwiseConv2D", "Mean", "HardSigmoid", "Mul", "Add", "FullyConnected"}),
    (mobilenet_with_dense_gates, {"Conv2D", "Mean", "Logistic", "Mul", "FullyConnected"}),
    (unet_transposed, {"Conv2D", "MaxPool2D", "TransposeConv2D", "Concatenation", "Logistic"}),
    (unet_resized, {"Conv2D", "MaxPool2D", "ResizeNearest", "Concatenation", "Logistic"}),
    (ds_cnn, {"Conv2D", "DepthwiseConv2D", "AveragePool2D", "FullyConnected", "Softmax"}),
    (tcn, {"Conv2D", "Add", "Mean", "FullyConnected"}),
]


def transformer() -> Graph:
    """A vision transformer of one layer with two heads: patches by a convolution, then tokens."""
    n = Net()
    x = n.conv(n.input(1, 3, 8, 8), 12, 1, 2)
    x = n.add(OPS.Transpose((0, 2, 1)), n.add(OPS.Reshape((1, 12, 16)), x))
    x = n.add(OPS.Add(), x, n.const(1, 16, 12))
    y = n.add(OPS.LayerNorm(1), x, n.const(12), n.const(12))

    def heads(order: tuple[int, ...]) -> Value:
        projected = n.add(OPS.Add(), n.add(OPS.BatchMatMul(), y, n.weights(12, 12)), n.const(12))
        return n.add(OPS.Transpose(order), n.add(OPS.Reshape((1, 16, 2, 6)), projected))

    scores = n.add(OPS.BatchMatMul(), heads((0, 2, 1, 3)), heads((0, 2, 3, 1)))
    mixed = n.add(OPS.BatchMatMul(), n.add(OPS.Softmax(), scores), heads((0, 2, 1, 3)))
    mixed = n.add(OPS.Reshape((1, 16, 12)), n.add(OPS.Transpose((0, 2, 1, 3)), mixed))
    x = n.add(OPS.Add(), x, n.add(OPS.BatchMatMul(), mixed, n.weights(12, 12)))
    x = n.add(OPS.Mean((1,), False), x)
    return n.graph(n.dense(x, 5))
