"""Each rewrite on a small graph: what it does, what it leaves alone, and that the bits stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from microgen.mindir import Array, DType, Graph, Node, QuantParams, TensorType, Value, to_text, verify
from microgen.ops import sampling
from microgen.ops.add import Add
from microgen.ops.attributes import Activation, Padding
from microgen.ops.average_pool2d import AveragePool2D
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.dequantize import Dequantize
from microgen.ops.pad import Pad
from microgen.ops.quantize import Quantize
from microgen.ops.registry import operators
from microgen.ops.relu import Relu
from microgen.ops.relu6 import Relu6
from microgen.ops.reshape import Reshape
from microgen.passes import PASSES, optimize
from microgen.passes.cleanup import drop_identities
from microgen.runtime import Session
from microgen.verification import sample_inputs


class Builder:
    """Graphs in a few lines: every call adds a node and gives its output."""

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []

    def input(self, t: TensorType) -> Value:
        self.inputs.append(Value(f"input{len(self.inputs)}", t))
        return self.inputs[-1]

    def add(self, op: object, inputs: Sequence[Value | None], quant: QuantParams | None) -> Value:
        index = len(self.nodes)
        draft = Node(op, tuple(inputs), (), f"n{index}")  # type: ignore[arg-type]
        ((dtype, shape),) = op.infer(draft)  # type: ignore[attr-defined]
        value = Value(f"v{index}", TensorType(dtype, shape, quant))
        self.nodes.append(Node(op, tuple(inputs), (value,), f"n{index}"))  # type: ignore[arg-type]
        return value

    def conv(self, image: Value, out: QuantParams, channels: int = 3, **attributes: object) -> Value:
        depth = image.shape[3]
        weights = sampling.weights(len(self.nodes), (channels, 3, 3, depth))
        bias = sampling.bias(len(self.nodes), image.type, weights, channels)
        return self.add(Conv2D(**attributes), (image, weights, bias), out)  # type: ignore[arg-type]

    def graph(self, *outputs: Value) -> Graph:
        graph = Graph("test", self.inputs, outputs, self.nodes)
        verify(graph)
        return graph


OUT = QuantParams.per_tensor(0.3, -10)


def names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def assert_same(wanted: Array, found: Array, label: str = "") -> None:
    """The same bits, or in float the same numbers within rounding."""
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(wanted, found, err_msg=label)
        return
    a, b = wanted.astype(np.float64), found.astype(np.float64)
    largest = float(np.abs(a[np.isfinite(a)]).max(initial=0))
    np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5 * largest, err_msg=label)


def optimized(graph: Graph) -> Graph:
    """The optimized graph, after checking that it computes the same and that the original is untouched."""
    before = to_text(graph)
    result = optimize(graph)
    assert to_text(graph) == before
    inputs: list[Array] = sample_inputs([v.type for v in graph.inputs], 20)
    for a, b in zip(Session(graph).run(inputs), Session(result).run(inputs), strict=True):
        assert_same(a, b)
    assert [v.name for v in graph.outputs] == [v.name for v in result.outputs]
    assert to_text(optimize(result)) == to_text(result)
    return result


def image() -> tuple[Builder, Value]:
    b = Builder()
    return b, b.input(sampling.int8((1, 6, 6, 2)))


@pytest.mark.parametrize(
    ("first", "clamp", "result"),
    [
        (Activation.NONE, Relu(), Activation.RELU),
        (Activation.NONE, Relu6(), Activation.RELU6),
        (Activation.RELU, Relu6(), Activation.RELU6),
        (Activation.RELU6, Relu(), Activation.RELU6),
    ],
)
def test_clamp_is_fused(first: Activation, clamp: object, result: Activation) -> None:
    b, x = image()
    graph = optimized(b.graph(b.add(clamp, [b.conv(x, OUT, activation=first)], OUT)))
    assert names(graph) == ["Conv2D"]
    assert graph.nodes[0].op.activation is result  # type: ignore[attr-defined]


def test_clamp_with_other_quantization_stays() -> None:
    b, x = image()
    graph = optimized(b.graph(b.add(Relu(), [b.conv(x, OUT)], QuantParams.per_tensor(0.2, -128))))
    assert names(graph) == ["Conv2D", "Relu"]


def test_clamp_without_an_equal_activation_stays() -> None:
    b, x = image()
    graph = optimized(b.graph(b.add(Relu(), [b.conv(x, OUT, activation=Activation.RELU_N1_TO_1)], OUT)))
    assert names(graph) == ["Conv2D", "Relu"]  # [0, 1] is no activation


def test_clamp_of_a_value_that_others_read_stays() -> None:
    b, x = image()
    conv = b.conv(x, OUT)
    graph = optimized(b.graph(b.add(Relu(), [conv], OUT), conv))
    assert names(graph) == ["Conv2D", "Relu"]


def test_clamp_that_changes_nothing_disappears() -> None:
    b, x = image()
    full = QuantParams.per_tensor(0.3, -128)
    pooled = b.add(AveragePool2D(kernel=(2, 2), stride=(2, 2)), [b.conv(x, full)], full)
    graph = optimized(b.graph(b.add(Relu(), [pooled], full)))
    assert "Relu" not in names(graph)


def padding(top: int, left: int, bottom: int, right: int) -> Pad:
    return Pad(((0, 0), (top, bottom), (left, right), (0, 0)))


def test_padding_is_fused() -> None:
    b, x = image()
    padded = b.add(padding(1, 2, 0, 1), [x], x.type.quant)
    graph = optimized(b.graph(b.conv(padded, OUT, padding=Padding(1, 0, 1, 0))))
    assert names(graph) == ["Conv2D"]
    assert graph.nodes[0].op.padding == Padding(2, 2, 1, 1)  # type: ignore[attr-defined]


def test_padding_of_channels_stays() -> None:
    b, x = image()
    padded = b.add(Pad(((0, 0), (1, 1), (0, 0), (0, 1))), [x], x.type.quant)
    assert names(optimized(b.graph(b.conv(padded, OUT)))) == ["Pad", "Conv2D"]


def test_padding_before_pooling_stays() -> None:
    b, x = image()
    padded = b.add(padding(1, 1, 1, 1), [x], x.type.quant)
    pooled = b.add(AveragePool2D(kernel=(2, 2)), [padded], x.type.quant)
    assert names(optimized(b.graph(pooled))) == ["Pad", "AveragePool2D"]


def test_padding_that_others_read_stays() -> None:
    b, x = image()
    padded = b.add(padding(1, 1, 1, 1), [x], x.type.quant)
    assert names(optimized(b.graph(b.conv(padded, OUT), padded))) == ["Pad", "Conv2D"]


def test_reshapes_merge_and_disappear() -> None:
    b, x = image()
    there = b.add(Reshape((1, 72)), [x], x.type.quant)
    back = b.add(Reshape((1, 6, 6, 2)), [there], x.type.quant)
    assert names(optimized(b.graph(b.conv(back, OUT)))) == ["Conv2D"]


def test_a_chain_of_reshapes_is_one() -> None:
    b, x = image()
    value = b.conv(x, OUT)
    for shape in ((1, 48), (6, 8), (3, 16)):
        value = b.add(Reshape(shape), [value], OUT)
    assert names(optimized(b.graph(value))) == ["Conv2D", "Reshape"]


def test_constants_are_folded() -> None:
    b, x = image()
    quant = QuantParams.per_tensor(0.05, 3)
    c = sampling.constant("c", np.arange(72, dtype=np.int8), quant)
    shaped = b.add(Reshape((1, 6, 6, 2)), [c], quant)
    doubled = b.add(Add(), [shaped, shaped], quant)
    graph = optimized(b.graph(b.add(Add(), [x, doubled], OUT)))
    assert names(graph) == ["Add"]


@pytest.mark.parametrize("axis", [3, None])
def test_a_depthwise_convolution_of_one_channel_becomes_a_convolution(axis: int | None) -> None:
    b = Builder()
    x = b.input(sampling.int8((1, 6, 7, 1)))
    weights = sampling.weights("one channel", (1, 3, 2, 5), axis)
    bias = sampling.bias("one channel", x.type, weights, 5)
    depthwise = DepthwiseConv2D((2, 1), (1, 2), Padding(1, 0, 0, 1), Activation.RELU)
    graph = optimized(b.graph(b.add(depthwise, [x, weights, bias], OUT)))
    assert names(graph) == ["Conv2D"]


def test_a_depthwise_convolution_of_several_channels_stays() -> None:
    b, x = image()
    weights = sampling.weights("two channels", (1, 3, 2, 4), 3)
    assert names(optimized(b.graph(b.add(DepthwiseConv2D(), [x, weights, None], OUT)))) == ["DepthwiseConv2D"]


def test_dead_code_goes() -> None:
    b, x = image()
    kept = b.conv(x, OUT)
    b.add(Relu(), [b.conv(kept, OUT)], QuantParams.per_tensor(0.1, 0))
    assert names(optimized(b.graph(kept))) == ["Conv2D"]


def test_requantization_to_the_same_parameters_goes() -> None:
    b, x = image()
    same = b.add(Quantize(DType.INT8), [b.conv(x, OUT)], OUT)
    assert names(optimized(b.graph(same))) == ["Conv2D"]


def test_two_identities_in_a_row_go_at_once() -> None:
    b, x = image()
    value = b.conv(x, OUT)
    for _ in range(2):
        value = b.add(Reshape(value.shape), [value], OUT)
    graph = b.graph(b.conv(value, OUT))
    assert drop_identities(graph)
    verify(graph)
    assert names(graph) == ["Conv2D", "Conv2D"]


def test_an_identity_between_input_and_output_stays() -> None:
    b, x = image()
    graph = optimized(b.graph(b.add(Reshape(x.shape), [x], x.type.quant)))
    assert len(graph.nodes) == 1


def test_float_islands_are_left_alone() -> None:
    b, x = image()
    real = b.add(Dequantize(), [x], None)
    again = b.add(Quantize(DType.INT8), [real], OUT)
    assert names(optimized(b.graph(again))) == ["Dequantize", "Quantize"]


@pytest.mark.parametrize("operator", operators(), ids=lambda o: o.name)
def test_every_sample_survives_the_passes(operator: type) -> None:
    for sample in operator.samples():  # type: ignore[attr-defined]
        graph = sample.graph
        result = optimize(graph)
        inputs = sample_inputs([v.type for v in graph.inputs], 3)
        for a, b in zip(Session(graph).run(inputs), Session(result).run(inputs), strict=True):
            assert_same(a, b, sample.id)


def test_every_pass_has_a_reason() -> None:
    assert all(p.reason and p.name for p in PASSES)
    assert len({p.name for p in PASSES}) == len(PASSES)
