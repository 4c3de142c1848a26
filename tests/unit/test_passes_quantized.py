"""Operators between Dequantize and Quantize become int8 operators where nothing is lost, and stay float otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.frontends import nchw
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Array, DType, Graph, QuantParams, TensorType, Value, to_text, verify
from microgen.ops.attributes import Padding
from microgen.passes import optimize
from microgen.passes.layout import absorb_border_transposes
from microgen.runtime import Session
from microgen.verification import sample_inputs
from tests.support.networks import OPS, names

INPUT = QuantParams.per_tensor(0.05, 3)
OUTPUT = QuantParams.per_tensor(0.1, -5)


class Builder:
    """Graphs in QDQ form."""

    def __init__(self) -> None:
        self.b = GraphBuilder("test")
        self.rng = np.random.default_rng(5)

    def add(self, op: object, *inputs: Value | None, quant: QuantParams | None = None) -> Value:
        return self.b.add(op, *inputs, quant=quant)  # type: ignore[arg-type]

    def input(self, *shape: int, quant: QuantParams = INPUT) -> Value:
        value = self.b.input(f"input{len(self.b.inputs)}", TensorType(DType.INT8, shape, quant))
        return self.add(OPS.Dequantize(qdq=True), value)

    def weights(self, *shape: int, axis: int | None = 0, zero_point: int = 0) -> Value:
        count = 1 if axis is None else shape[axis]
        scales = tuple(float(np.float32(s)) for s in self.rng.uniform(0.01, 0.03, count))
        data = self.rng.integers(-127, 128, shape, dtype=np.int8)
        quant = QuantParams(scales, (zero_point,) * count, axis)
        return self.add(OPS.Dequantize(qdq=True), self.b.constant(data, quant=quant))

    def bias(self, source: QuantParams, weights: Value, factor: float = 1.0) -> Value:
        constant = self.source(weights)
        assert constant.type.quant is not None
        scales = tuple(float(np.float32(source.scale * s * factor)) for s in constant.type.quant.scales)
        size = len(scales) if len(scales) > 1 else constant.shape[0]
        data = self.rng.integers(-2000, 2000, size, dtype=np.int32)
        quant = QuantParams(scales, (0,) * len(scales), 0 if len(scales) > 1 else None)
        return self.add(OPS.Dequantize(qdq=True), self.b.constant(data, quant=quant))

    def source(self, value: Value) -> Value:
        return next(n.input(0) for n in self.b._nodes if value in n.outputs)

    def quantize(self, value: Value, quant: QuantParams = OUTPUT) -> Value:
        return self.add(OPS.Quantize(), value, quant=quant)

    def both(self, value: Value, quant: QuantParams = OUTPUT) -> Value:
        return self.add(OPS.Dequantize(qdq=True), self.quantize(value, quant))

    def graph(self, *outputs: Value) -> Graph:
        return self.b.graph(outputs)


def optimized(graph: Graph, steps: int = 1) -> Graph:
    """The optimized graph, after checking that quantized results differ by at most ``steps``."""
    result = optimize(graph)
    verify(result)
    given: list[Array] = sample_inputs([v.type for v in graph.inputs], 20)
    for a, b in zip(Session(graph).run(given), Session(result).run(given), strict=True):
        if a.dtype == np.int8:
            assert np.abs(a.astype(int) - b.astype(int)).max() <= steps
        else:
            np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=1e-5, atol=1e-5)
    assert [(v.name, v.type) for v in graph.outputs] == [(v.name, v.type) for v in result.outputs]
    assert to_text(optimize(result)) == to_text(result)
    return result


def all_int8(graph: Graph) -> bool:
    return all(not v.type.dtype.is_float for v in graph.values())


@pytest.mark.parametrize("axis", [0, None])
def test_a_convolution_with_a_clamp(axis: int | None) -> None:
    b = Builder()
    x, w = b.input(1, 6, 6, 3), b.weights(5, 3, 3, 3, axis=axis)
    y = b.add(OPS.Relu(), b.add(OPS.Conv2D(), x, w, b.bias(INPUT, w)))
    graph = optimized(b.graph(b.quantize(y)))
    assert names(graph) == ["Conv2D"] and all_int8(graph)


def test_a_network_with_channels_in_front() -> None:
    b = Builder()
    x = b.input(1, 3, 8, 8)
    w, v = b.weights(4, 3, 3, 3), b.weights(4, 1, 3, 3)
    y = nchw.convolution(b.b, x, w, b.bias(INPUT, w), padding=Padding(1, 1, 1, 1))
    first = b.both(b.add(OPS.Relu(), y))
    y = nchw.convolution(b.b, first, v, b.bias(OUTPUT, v), groups=4, padding=Padding(1, 1, 1, 1))
    y = b.both(b.add(OPS.Add(), b.both(y), first))
    y = nchw.max_pool(b.b, y, kernel=(2, 2), stride=(2, 2))
    y = b.both(b.add(OPS.Reshape((1, -1)), b.both(y)))
    u = b.weights(7, 64)
    y = b.add(OPS.FullyConnected(), y, u, b.bias(OUTPUT, u))
    graph = optimized(b.graph(b.quantize(y)), steps=5)  # roundings add up over layers
    found = [name for name in names(graph) if name != "Reshape"]
    assert found == ["Transpose", "Conv2D", "DepthwiseConv2D", "Add", "MaxPool2D", "FullyConnected"], to_text(graph)
    assert all_int8(graph)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
def test_two_tensors(op: str) -> None:
    b = Builder()
    y = b.add(getattr(OPS, op)(), b.input(1, 4, 5), b.input(4, 5, quant=OUTPUT))
    graph = optimized(b.graph(b.quantize(y, QuantParams.per_tensor(0.2, 1))))
    assert names(graph) == [op] and all_int8(graph)


def test_a_quantized_constant_operand() -> None:
    b = Builder()
    y = b.add(OPS.Add(), b.input(1, 4, 5), b.weights(5, axis=None, zero_point=7))
    graph = optimized(b.graph(b.quantize(y)))
    assert names(graph) == ["Add"] and all_int8(graph)


def test_a_float_constant_operand_keeps_the_operator_in_float() -> None:
    b = Builder()
    y = b.add(OPS.Maximum(), b.input(1, 4, 5), b.b.constant(np.full(5, 0.3, np.float32)))
    assert names(optimized(b.graph(b.quantize(y)))) == ["Dequantize", "Maximum", "Quantize"]


def test_results_that_others_read_keep_the_operator_in_float() -> None:
    b = Builder()
    y = b.add(OPS.Add(), b.input(1, 4), b.input(1, 4))
    assert "Quantize" in names(optimized(b.graph(b.quantize(y), y)))


def test_a_bias_of_another_scale() -> None:
    """Whole steps of the right scale are taken over; others are not."""
    for factor, kind in ((2.0, True), (0.37, False)):
        b = Builder()
        x, w = b.input(1, 8), b.weights(5, 8, axis=None)
        y = b.add(OPS.FullyConnected(), x, w, b.bias(INPUT, w, factor))
        assert all_int8(optimized(b.graph(b.quantize(y)))) is kind


def test_a_float_bias_of_whole_steps() -> None:
    b = Builder()
    x, w = b.input(1, 8), b.weights(5, 8, axis=None)
    quant = b.source(w).type.quant
    assert quant is not None
    reals = np.arange(-2, 3) * 100 * quant.scale * INPUT.scale
    y = b.add(OPS.FullyConnected(), x, w, b.b.constant(reals.astype(np.float32)))
    assert all_int8(optimized(b.graph(b.quantize(y))))


def test_asymmetric_filters_stay_in_float() -> None:
    b = Builder()
    x, w = b.input(1, 6, 6, 3), b.weights(5, 3, 3, 3, axis=None, zero_point=4)
    assert names(optimized(b.graph(b.quantize(b.add(OPS.Conv2D(), x, w, None))))) == [
        "Dequantize",
        "Conv2D",
        "Quantize",
    ]


@pytest.mark.parametrize(
    ("scale", "found"),
    [
        (1 / 256, ["Softmax"]),
        (1 / 255, ["Softmax", "Quantize"]),
        (1 / 1000, ["Dequantize", "Softmax", "Quantize"]),
    ],
)
def test_softmax_has_one_output_quantization(scale: float, found: list[str]) -> None:
    """Another is reached by a second rounding where that loses no more than a step, otherwise in float."""
    b = Builder()
    y = b.add(OPS.Softmax(), b.input(1, 10))
    assert names(optimized(b.graph(b.quantize(y, QuantParams.per_tensor(scale, -128))))) == found


def test_tied_parameters_must_be_equal() -> None:
    for quant, kind in ((INPUT, True), (OUTPUT, False)):
        b = Builder()
        y = b.add(OPS.AveragePool2D(kernel=(2, 2)), b.input(1, 6, 6, 3))
        assert all_int8(optimized(b.graph(b.quantize(y, quant)))) is kind


def test_movement_works_on_integers() -> None:
    b = Builder()
    y = b.add(OPS.Pad(((0, 0), (1, 1), (0, 0), (0, 0))), b.input(1, 6, 6, 4))
    y = b.add(OPS.Reshape((1, 24, 8)), b.add(OPS.Transpose((0, 3, 1, 2)), y))
    y = b.add(OPS.Slice((0, 1, 0), (1, 20, 8)), y)
    graph = optimized(b.graph(y))
    assert names(graph)[-1] == "Dequantize" and names(graph).count("Dequantize") == 1


def test_movement_before_quantization() -> None:
    b = Builder()
    x, w = b.input(1, 6, 6, 3), b.weights(4, 3, 3, 3)
    y = b.add(OPS.Reshape((1, 64)), b.add(OPS.Relu(), b.add(OPS.Conv2D(), x, w, None)))
    graph = optimized(b.graph(b.quantize(y)))
    assert names(graph) == ["Conv2D", "Reshape"] and all_int8(graph)


def test_a_clamp_that_cannot_be_fused_works_on_integers() -> None:
    b = Builder()
    y = b.add(OPS.Concatenation(1), b.input(1, 4, 5), b.input(1, 4, 5))
    graph = optimized(b.graph(b.quantize(b.add(OPS.Relu(), y), INPUT)), steps=0)
    assert names(graph) == ["Concatenation", "Relu"] and all_int8(graph)


def test_weights_that_no_operator_wants_as_integers_become_floats() -> None:
    b = Builder()
    x = b.b.input("real", TensorType(DType.FLOAT32, (1, 6, 6, 3)))
    y = b.add(OPS.Conv2D(), x, b.weights(5, 3, 3, 3), None)
    y = b.add(OPS.Mul(), y, b.b.constant(np.full(5, 0.5, np.float32)))
    assert names(optimized(b.graph(y))) == ["Conv2D"]


@pytest.mark.parametrize("axis", [1, None])
def test_a_product_and_a_sum_are_a_dense_layer(axis: int | None) -> None:
    b = Builder()
    x, w = b.input(2, 8), b.weights(8, 5, axis=axis)
    quant = b.source(w).type.quant
    assert quant is not None
    scales = tuple(float(np.float32(s * INPUT.scale)) for s in quant.scales)
    steps = QuantParams(scales, (0,) * len(scales), None if axis is None else 0)
    bias = b.add(OPS.Dequantize(qdq=True), b.b.constant(np.arange(5, dtype=np.int32) * 100, quant=steps))
    y = b.add(OPS.Relu(), b.add(OPS.Add(), b.add(OPS.BatchMatMul(), x, w), bias))
    graph = optimized(b.graph(b.quantize(y)))
    assert names(graph) == ["FullyConnected"] and all_int8(graph)


def test_parts_of_a_concatenation_are_requantized_as_integers() -> None:
    b = Builder()
    y = b.add(OPS.Concatenation(1), b.input(1, 4, 5), b.input(1, 3, 5, quant=OUTPUT))
    graph = optimized(b.graph(b.quantize(y)))
    assert names(graph) == ["Quantize", "Concatenation"] and all_int8(graph)


def test_a_clamp_between_other_quantizations_is_one_operator() -> None:
    b = Builder()
    graph = optimized(b.graph(b.quantize(b.add(OPS.Relu(), b.input(1, 4, 5)))))
    assert names(graph) == ["Relu"] and all_int8(graph)


def test_transposes_at_the_borders_lie_outside_of_conversions() -> None:
    b = Builder()
    x = b.b.input("real", TensorType(DType.FLOAT32, (1, 3, 8, 8)))
    w = b.weights(4, 3, 3, 3)
    y = nchw.convolution(b.b, b.both(x, INPUT), w, None)
    graph = optimize(b.graph(b.both(y)))
    assert names(graph) == ["Quantize", "Transpose", "Conv2D", "Transpose", "Dequantize"]
    result, changed = absorb_border_transposes(graph)
    assert names(result) == ["Quantize", "Conv2D", "Dequantize"]
    assert changed == {"real": (0, 2, 3, 1), graph.outputs[0].name: (0, 2, 3, 1)}
    given = sample_inputs([v.type for v in graph.inputs], 5)
    (wanted,) = Session(graph).run(given)
    (found,) = Session(result).run([given[0].transpose(0, 1, 3, 4, 2)])
    np.testing.assert_array_equal(wanted.transpose(0, 1, 3, 4, 2), found)
