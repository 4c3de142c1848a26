"""Float graphs become int8 graphs: layers alone, groups of tensors, borders, corrections, reports."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from microgen.errors import InputError, ToolMissing, UsageError
from microgen.exporters import tflite
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, Graph, QuantParams, TensorType, Value, to_text
from microgen.ops.add import Add
from microgen.ops.attributes import Activation, Padding, same_or_valid
from microgen.ops.base import Op
from microgen.ops.concatenation import Concatenation
from microgen.ops.conv2d import Conv2D
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.div import Div
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.max_pool2d import MaxPool2D
from microgen.ops.power import Pow
from microgen.ops.reshape import Reshape
from microgen.ops.softmax import Softmax
from microgen.quantize import (
    Granularity,
    Method,
    Ports,
    QuantConfig,
    Quantized,
    Scheme,
    load_samples,
    quantize_graph,
    report,
)
from microgen.quantize.assign import select
from microgen.quantize.convert import quantized_array
from microgen.quantize.equalize import equalize
from microgen.quantize.prepare import prepare
from microgen.quantize.weights import quantize_weights
from microgen.runtime import Session
from tests.support.oracle import run_batch

rng = np.random.default_rng


class Net:
    """Builds small float networks with weights that depend on the seed alone."""

    def __init__(self, seed: int = 0) -> None:
        self.builder = GraphBuilder("net")
        self.random = rng(seed)

    def input(self, *shape: int, name: str = "x") -> Value:
        return self.builder.input(name, TensorType(DType.FLOAT32, shape))

    def constant(self, *shape: int, scale: float = 1.0) -> Value:
        return self.builder.constant((self.random.normal(size=shape) * scale).astype(np.float32), "constant")

    def conv(self, x: Value, channels: int, name: str, activation: Activation = Activation.RELU, **more: Any) -> Value:
        depth = x.shape[3]
        weights = self.constant(channels, 3, 3, depth, scale=(2 / (9 * depth)) ** 0.5)
        padding = same_or_valid("SAME", (x.shape[1], x.shape[2]), (3, 3), more.get("stride", (1, 1)), (1, 1))
        op = Conv2D(padding=padding, activation=activation, **more)
        return self.builder.add(op, x, weights, self.constant(channels, scale=0.2), name=name)

    def depthwise(self, x: Value, name: str) -> Value:
        weights = self.constant(1, 3, 3, x.shape[3], scale=0.4)
        op = DepthwiseConv2D(padding=Padding(1, 1, 1, 1), activation=Activation.RELU)
        return self.builder.add(op, x, weights, self.constant(x.shape[3], scale=0.2), name=name)

    def dense(self, x: Value, units: int, name: str) -> Value:
        depth = x.type.elements
        weights = self.constant(units, depth, scale=depth**-0.5)
        return self.builder.add(FullyConnected(), x, weights, self.constant(units, scale=0.2), name=name)


def classifier(seed: int = 0) -> Graph:
    net = Net(seed)
    x = net.input(1, 8, 8, 3)
    h = net.conv(x, 8, "conv1")
    h = net.depthwise(h, "depthwise")
    h = net.conv(h, 8, "conv2", stride=(2, 2))
    h = net.builder.add(Softmax(), net.dense(h, 6, "dense"), name="prob")
    return net.builder.graph([h])


def noise(count: int = 24, *shape: int, seed: int = 9) -> Any:
    return rng(seed).normal(size=(count, *(shape or (1, 8, 8, 3)))).astype(np.float32)


def node(result: Quantized, name: str) -> Any:
    return next(n for n in result.graph.nodes if n.name == name)


def real_output(result: Quantized, samples: Any, index: int = 0) -> Any:
    """The quantized graph's output for float samples, in float."""
    value = result.graph.inputs[0]
    inputs = samples if value.type.quant is None else quantized_array(samples, value.type.quant)
    array = Session(result.graph).run([inputs])[index]
    quant = result.graph.outputs[index].type.quant
    return array if quant is None else (array.astype(np.float64) - quant.zero_point) * quant.scale


@pytest.mark.parametrize("weights", list(Granularity))
@pytest.mark.parametrize("method", list(Method))
def test_a_classifier_stays_close_to_float(method: Method, weights: Granularity) -> None:
    graph, samples = classifier(), noise()
    result = quantize_graph(graph, samples, QuantConfig(method=method, weights=weights), evaluation=noise(seed=10))
    assert [v.type.dtype for v in result.graph.values() if not v.is_const] == [DType.INT8] * 6
    assert all(layer.dtype == "int8" and layer.note == "" for layer in result.report.layers)
    by_name = {layer.name: layer for layer in result.report.layers}
    assert list(by_name) == ["conv1", "depthwise", "conv2", "dense", "prob"]
    assert all(layer.alone is not None and layer.alone.cosine > 0.97 for layer in by_name.values())
    assert by_name["dense"].accumulated.cosine > 0.97
    if method is Method.MIN_MAX:
        assert by_name["dense"].accumulated.sqnr > 20.0
    assert result.graph.outputs[0].type.quant == QuantParams.per_tensor(1 / 256, -128)
    scales = node(result, "conv1").inputs[1].type.quant.scales
    assert len(scales) == (8 if weights is Granularity.PER_CHANNEL else 1)


@pytest.mark.oracle
def test_the_exported_file_computes_the_same_bytes_in_the_reference_interpreter() -> None:
    result = quantize_graph(classifier(), noise(), QuantConfig(equalize=True, bias_correction=True))
    value = result.graph.inputs[0]
    assert value.type.quant is not None
    inputs = quantized_array(noise(seed=11), value.type.quant)
    expected = run_batch(tflite.save(result.graph), [inputs]).outputs[0]
    np.testing.assert_array_equal(Session(result.graph).run([inputs])[0], expected)


def test_the_same_arguments_give_the_same_graph() -> None:
    config = QuantConfig(method=Method.KL, equalize=True, bias_correction=True)
    first, second = (quantize_graph(classifier(), noise(), config) for _ in range(2))
    assert to_text(first.graph) == to_text(second.graph)
    for a, b in zip(first.graph.constants(), second.graph.constants(), strict=True):
        np.testing.assert_array_equal(a.const, b.const)
    assert first.report.as_json() == second.report.as_json()


# Groups -----------------------------------------------------------------------------------------------


def test_pooling_and_reshaping_keep_the_scale() -> None:
    net = Net()
    h = net.conv(net.input(1, 8, 8, 3), 4, "conv")
    h = net.builder.add(MaxPool2D((2, 2), (2, 2)), h, name="pool")
    h = net.builder.add(Reshape((1, 64)), h, name="flat")
    result = quantize_graph(net.builder.graph([net.dense(h, 3, "dense")]), noise())
    quants = {node(result, name).outputs[0].type.quant for name in ("conv", "pool", "flat")}
    assert len(quants) == 1 and not any(n.op.name == "Quantize" for n in result.graph.nodes)


def test_concatenated_tensors_share_the_range_of_all() -> None:
    net = Net()
    x = net.input(1, 8, 8, 3)
    narrow, wide = net.conv(x, 4, "narrow"), net.conv(net.conv(x, 4, "inner"), 4, "wide", Activation.NONE)
    fixed = net.constant(1, 8, 8, 2, scale=20.0)
    h = net.builder.add(Concatenation(3), narrow, wide, fixed, name="both")
    result = quantize_graph(net.builder.graph([h]), noise())
    both = node(result, "both")
    assert len({v.type.quant for v in (*both.inputs, *both.outputs)}) == 1
    quant = both.outputs[0].type.quant
    held = (both.inputs[2].const.astype(np.float64) - quant.zero_point) * quant.scale
    np.testing.assert_allclose(held, fixed.const, atol=quant.scale * 0.51)


def test_a_fixed_quantization_passes_through_views_and_is_requantized_for_others() -> None:
    net = Net()
    x = net.input(1, 8, 8, 3)
    logits = net.dense(x, 6, "dense")
    shares = net.builder.add(Softmax(), logits, name="prob")
    flat = net.builder.add(Reshape((6,)), shares, name="flat")
    mixed = net.builder.add(Concatenation(1), shares, net.dense(x, 4, "other"), name="mixed")
    result = quantize_graph(net.builder.graph([flat, mixed]), noise())
    fixed = QuantParams.per_tensor(1 / 256, -128)
    assert node(result, "flat").outputs[0].type.quant == fixed
    assert node(result, "prob").outputs[0].type.quant == fixed
    joined = node(result, "mixed")
    assert joined.outputs[0].type.quant != fixed
    assert {v.type.quant for v in joined.inputs} == {joined.outputs[0].type.quant}
    (requantize,) = [n for n in result.graph.nodes if n.op.name == "Quantize"]
    assert requantize.inputs[0].type.quant == fixed and requantize.outputs[0] is joined.inputs[0]


def test_two_fixed_quantizations_of_a_kind_join() -> None:
    net = Net()
    x = net.input(1, 8, 8, 3)
    a, b = (net.builder.add(Softmax(), net.dense(x, 4, f"dense{i}"), name=f"prob{i}") for i in range(2))
    h = net.builder.add(Concatenation(1), a, b, name="both")
    result = quantize_graph(net.builder.graph([h]), noise())
    assert node(result, "both").outputs[0].type.quant == QuantParams.per_tensor(1 / 256, -128)
    assert len(result.graph.nodes) == 5


def test_a_constant_operand_has_its_own_range() -> None:
    net = Net()
    h = net.builder.add(Add(), net.input(1, 8, 8, 3), net.constant(3, scale=7.0), name="sum")
    result = quantize_graph(net.builder.graph([h]), noise())
    operand = node(result, "sum").inputs[1]
    assert operand.type.dtype is DType.INT8 and operand.type.quant is not None
    assert result.report.layers[0].accumulated.sqnr > 30.0


# What stays in float ----------------------------------------------------------------------------------


def test_skipped_layers_stand_between_conversions() -> None:
    for config in (QuantConfig(skip_layers=("depth*",)), QuantConfig(skip_operators=("DepthwiseConv2D",))):
        result = quantize_graph(classifier(), noise(), config)
        kinds = [n.op.name for n in result.graph.nodes]
        assert kinds == ["Conv2D", "Dequantize", "DepthwiseConv2D", "Quantize", "Conv2D", "FullyConnected", "Softmax"]
        layer = next(layer for layer in result.report.layers if layer.name == "depthwise")
        assert (layer.dtype, layer.note, layer.alone, layer.used) == ("float32", "skipped", None, None)


def test_a_name_that_fits_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match=r"skip: 'convolution\*' fits none of the model's layers. They are conv1, "):
        quantize_graph(classifier(), noise(), QuantConfig(skip_layers=("convolution*",)))
    with pytest.raises(InputError, match="'Mean' fits none of the model's operators"):
        quantize_graph(classifier(), noise(), QuantConfig(skip_operators=("Mean",)))
    with pytest.raises(InputError, match="has no float layer that could become int8"):
        quantize_graph(classifier(), noise(), QuantConfig(skip_layers=("*",)))


def test_what_an_operator_refuses_in_int8_stays_float() -> None:
    net = Net()
    x = net.input(1, 2, 2500)
    h = net.builder.add(Softmax(), net.builder.add(Reshape((1, 5000)), x, name="flat"), name="wide")
    result = quantize_graph(net.builder.graph([h]), noise(12, 1, 2, 2500))
    layer = result.report.layers[-1]
    assert layer.dtype == "float32" and "at most 4095" in layer.note


def test_float_ports_keep_names_and_types() -> None:
    graph, samples = classifier(), noise()
    result = quantize_graph(graph, samples, QuantConfig(io=Ports.FLOAT))
    assert [(v.name, v.type) for v in result.graph.inputs] == [(v.name, v.type) for v in graph.inputs]
    assert [(v.name, v.type) for v in result.graph.outputs] == [(v.name, v.type) for v in graph.outputs]
    inner = quantize_graph(graph, samples)
    np.testing.assert_allclose(real_output(result, samples), real_output(inner, samples), atol=1e-6)


def test_weights_only_rounds_weights_and_computes_in_float() -> None:
    graph, samples = classifier(), noise()
    result = quantize_graph(graph, samples, QuantConfig(scheme=Scheme.WEIGHTS_ONLY))
    assert result.graph.inputs[0].type.dtype is DType.FLOAT32
    stored = [v for v in result.graph.constants() if v.type.dtype is DType.INT8]
    assert len(stored) == 4 and result.report.quantized_bytes < 0.4 * result.report.float_bytes
    expected = Session(graph).run([samples])[0]
    np.testing.assert_allclose(real_output(result, samples), expected, atol=0.02)
    assert all(layer.accumulated.sqnr > 25.0 for layer in result.report.layers)


def test_a_network_of_integers_has_nothing_to_quantize() -> None:
    result = quantize_graph(classifier(), noise())
    with pytest.raises(InputError, match="computes with integers already"):
        quantize_graph(result.graph, noise())


@pytest.mark.parametrize(("op", "constant"), [(Div(), 3.0), (Div(), 0.5), (Pow(), 2.0), (Pow(), 0.5), (Pow(), -1.0)])
def test_divisions_and_powers_by_constants_become_int8(op: Op, constant: float) -> None:
    net = Net()
    x = net.input(1, 8, 8, 3)
    other = net.builder.constant(np.array(constant, np.float32))
    samples = np.abs(noise()) + 0.5
    graph = net.builder.graph([net.builder.add(op, x, other, name="result")])
    result = quantize_graph(graph, samples)
    (layer,) = result.report.layers
    assert layer.dtype == "int8" and layer.accumulated.sqnr > 25.0
    np.testing.assert_allclose(Session(result.source).run([samples])[0], Session(graph).run([samples])[0], rtol=1e-6)


@pytest.mark.parametrize(("op", "constant"), [(Div(), 0.0), (Div(), 1e-45), (Pow(), 3.0)])
def test_other_constants_stay_as_they_are(op: Op, constant: float) -> None:
    net = Net()
    h = net.builder.add(op, net.input(1, 8, 8, 3), net.builder.constant(np.array(constant, np.float32)), name="result")
    assert prepare(net.builder.graph([h])).nodes[0].op is op


# Corrections ------------------------------------------------------------------------------------------


def uneven() -> Graph:
    """Two convolutions and a depthwise one whose channels' weights differ a thousandfold."""
    net = Net(3)
    x = net.input(1, 8, 8, 3)
    graph = net.builder.graph([net.conv(net.depthwise(net.conv(x, 8, "first"), "middle"), 4, "last")])
    factors = np.geomspace(0.03, 30.0, 8).astype(np.float32)
    first = graph.nodes[0]
    weights, bias = first.inputs[1], first.inputs[2]
    assert weights is not None and bias is not None
    scaled = dataclasses.replace(weights, data=weights.const * factors[:, None, None, None])
    shifted = dataclasses.replace(bias, data=bias.const * factors)
    graph.replace_node(first, dataclasses.replace(first, inputs=(first.inputs[0], scaled, shifted)))
    second = graph.nodes[1]
    weights = second.inputs[1]
    assert weights is not None
    scaled = dataclasses.replace(weights, data=weights.const / factors)
    graph.replace_node(second, dataclasses.replace(second, inputs=(second.inputs[0], scaled, *second.inputs[2:])))
    return graph


def test_equalization_computes_the_same_with_even_ranges() -> None:
    graph = uneven()
    rules, _ = select(graph, QuantConfig())
    samples = noise()
    after, pairs = equalize(graph, rules, load_samples(samples, graph))
    assert pairs == 2
    before, now = (Session(g).run([samples])[0] for g in (graph, after))
    np.testing.assert_allclose(now, before, rtol=1e-4, atol=1e-4)
    peaks = np.abs(after.nodes[0].inputs[1].const).reshape(8, -1).max(axis=1)  # type: ignore[union-attr]
    incoming = np.abs(after.nodes[1].inputs[1].const).reshape(-1, 8).max(axis=0)  # type: ignore[union-attr]
    np.testing.assert_allclose(peaks, incoming, rtol=0.02)


def test_equalization_saves_what_one_scale_for_all_channels_loses() -> None:
    config = QuantConfig(weights=Granularity.PER_TENSOR)
    plain = quantize_graph(uneven(), noise(), config).report.layers[-1].accumulated.sqnr
    better = quantize_graph(uneven(), noise(), dataclasses.replace(config, equalize=True)).report
    assert better.equalized == 2 and better.layers[-1].accumulated.sqnr > plain + 6.0


def test_an_activation_that_is_not_homogeneous_is_left_alone() -> None:
    net = Net()
    h = net.conv(net.input(1, 8, 8, 3), 8, "first", Activation.RELU6)
    graph = net.builder.graph([net.conv(h, 4, "second")])
    rules, _ = select(graph, QuantConfig())
    assert equalize(graph, rules, load_samples(noise(), graph))[1] == 0


def test_bias_correction_takes_the_mean_error_away() -> None:
    net = Net(5)
    x = net.input(1, 8, 8, 3)
    h = net.conv(net.conv(x, 16, "first"), 8, "second", Activation.NONE)
    graph = net.builder.graph([h])
    # All positive: rounding errors of the weights then add up to a shift.
    samples = np.abs(noise(48)) + 1.0
    expected = Session(graph).run([samples])[0].astype(np.float64).mean(axis=(0, 1, 2, 3))

    def shift(config: QuantConfig) -> float:
        found = real_output(quantize_graph(graph, samples, config), samples).mean(axis=(0, 1, 2, 3))
        return float(np.abs(found - expected).max())

    config = QuantConfig(weights=Granularity.PER_TENSOR, bias_correction=False)
    assert shift(dataclasses.replace(config, bias_correction=True)) < 0.35 * shift(config)


# Numbers that are no numbers --------------------------------------------------------------------------


def test_a_layer_that_overflows_is_named_with_the_sample() -> None:
    net = Net()
    x = net.input(1, 8, 8, 3)
    graph = net.builder.graph([net.dense(net.conv(x, 4, "conv"), 3, "dense")])
    samples = noise()
    samples[17] *= 1e38
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(InputError) as caught:
        quantize_graph(graph, samples)
    assert "conv: sample 17 makes this layer compute values that are not finite" in str(caught.value)


def test_a_layer_that_never_changes_is_pointed_out() -> None:
    net = Net()
    x = net.input(1, 8, 8, 3)
    weights = net.builder.constant(np.ones((4, 3, 3, 3), np.float32))
    bias = net.builder.constant(np.full(4, -1e6, np.float32))
    dead = net.builder.add(Conv2D(activation=Activation.RELU), x, weights, bias, name="dead")
    result = quantize_graph(net.builder.graph([dead]), noise())
    assert result.report.warnings == ("dead (Conv2D) gives 0 everywhere, for every sample",)


def test_several_inputs_by_name() -> None:
    net = Net()
    a, b = net.input(1, 8, 8, 3), net.input(1, 8, 8, 3, name="y")
    graph = net.builder.graph([net.builder.add(Add(), net.conv(a, 3, "conv"), b, name="sum")])
    result = quantize_graph(graph, {"y": noise(seed=1) * 5, "x": noise()})
    first, second = (v.type.quant for v in result.graph.inputs)
    assert first is not None and second is not None and second.scale > 4 * first.scale


# Reports ----------------------------------------------------------------------------------------------


def test_the_report_ranks_and_writes_json() -> None:
    result = quantize_graph(classifier(), noise()).report
    ranked = result.ranked()
    assert [layer.accumulated.sqnr for layer in ranked] == sorted(layer.accumulated.sqnr for layer in ranked)
    content = json.loads(json.dumps(result.as_json()))
    assert content["samples"] == 24 and content["layers"][0]["name"] == ranked[0].name
    assert set(content["layers"][0]) == {
        "index", "name", "op", "dtype", "accumulated", "alone", "observed", "used", "clipped", "note"
    }  # fmt: skip
    assert len(result.rows()) == 5 and len(result.rows()[0]) == len(report.COLUMNS)


def test_clipping_is_counted_on_the_evaluation_samples() -> None:
    calibration = noise() * 0.1
    config = QuantConfig(method=Method.MIN_MAX)
    result = quantize_graph(classifier(), calibration, config, evaluation=noise()).report
    assert result.layers[0].clipped > 0.2
    assert quantize_graph(classifier(), calibration, config).report.layers[0].clipped == 0.0


def test_plots_are_written_the_same_every_time() -> None:
    pytest.importorskip("matplotlib")
    result = quantize_graph(classifier(), noise()).report
    assert result.plot(".png").startswith(b"\x89PNG")
    svg = result.plot(".svg")
    assert b"<svg" in svg and svg == result.plot(".svg")
    with pytest.raises(UsageError, match=r"plots are \.png and \.svg files, not \.pdf"):
        result.plot(".pdf")


def test_without_matplotlib_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    result = quantize_graph(classifier(), noise()).report
    monkeypatch.setattr(report.importlib, "import_module", missing)
    with pytest.raises(ToolMissing, match=r"matplotlib is not installed\. pip install matplotlib"):
        result.plot(".png")


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    config = QuantConfig(method=Method.MSE, bias_correction=True)
    quantize_graph(classifier(), noise(), config, progress=lambda *step: told.append(step))
    steps = dict.fromkeys(what for what, _, _ in told)
    assert list(steps) == ["Observing ranges", "Counting values", "Correcting biases", "Comparing layers"]
    assert all((what, total, total) in told for what, _, total in told)


def test_unsigned_weights_are_not_needed() -> None:
    """Weights are symmetric whatever their sign: [-127, 127] and zero point 0."""
    from microgen.ops.quantization import Weights

    made = quantize_weights("w", np.array([[3.0, 4.0]], np.float32), Weights(1, None), Granularity.PER_CHANNEL).value
    assert made.type.quant is not None and made.type.quant.zero_points == (0,)
    np.testing.assert_array_equal(made.const, [[95, 127]])


def test_samples_object_is_taken_as_it_is() -> None:
    graph = classifier()
    samples = load_samples(noise(), graph)
    assert quantize_graph(graph, samples).report.samples == 24
