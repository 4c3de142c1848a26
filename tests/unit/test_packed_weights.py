"""Weights of four bits: packed in files and in flash, int8 from -8 to 7 everywhere else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tflite

from microgen.errors import InputError
from microgen.exporters import onnx as onnx_exporter
from microgen.exporters import tflite as exporter
from microgen.frontends.onnx import load as load_onnx
from microgen.frontends.tflite import load
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation, Padding
from microgen.ops.base import Sample
from microgen.ops.conv2d import Conv2D
from microgen.ops.convolution import Convolution
from microgen.ops.depthwise_conv2d import DepthwiseConv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.packed import pack, packs, unpack
from microgen.passes import optimize
from microgen.quantize import Ports, QuantConfig, Scheme, quantize_graph
from microgen.runtime import Session
from tests.support import oracle
from tests.support.codegen import project

OPERATORS = (Conv2D, DepthwiseConv2D, FullyConnected)
SAMPLES = [pytest.param(s, id=f"{o.name}-{s.id}") for o in OPERATORS for s in o.samples() if s.id.startswith("i4_")]


@pytest.mark.parametrize("count", [1, 2, 7, 256])
def test_packing_is_undone(count: int) -> None:
    values = (np.arange(count) % 16 - 8).astype(np.int8)
    packed = pack(values)
    assert packed.nbytes == -(-count // 2)
    assert np.array_equal(unpack(packed.view(np.uint8), count), values)


def test_the_first_weight_is_in_the_low_half() -> None:
    assert pack(np.array([1, -2, 7], np.int8)).view(np.uint8).tolist() == [0xE1, 0x07]


@pytest.mark.parametrize("sample", SAMPLES)
def test_flash_holds_half_of_the_bytes(sample: Sample) -> None:
    (node,) = sample.graph.nodes
    packed = project(sample.graph)
    plain = project(_eight_bits(sample.graph))
    weights = node.input(1).type.elements
    saved = _const_bytes(plain) - _const_bytes(packed)
    assert saved == weights // 2
    assert b"_s4(" in packed["net.c"] and b"_s4(" not in plain["net.c"]


@pytest.mark.oracle
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_file_keeps_them_packed(sample: Sample) -> None:
    """But dense layers with a scale for each output, which the reference interpreter takes as int8 only."""
    (node,) = sample.graph.nodes
    quant = node.input(1).type.quant
    assert quant is not None
    data = exporter.save(sample.graph)
    kept = isinstance(node.op, Convolution) or quant.is_per_tensor
    read = load(data)
    assert read.nodes[0].op.weight_bits == (4 if kept else 8)  # type: ignore[attr-defined]
    assert np.array_equal(read.nodes[0].input(1).const, node.input(1).const)
    assert exporter.save(read) == data
    wide = load(exporter.save(sample.graph, int4=False))
    assert wide.nodes[0].op.weight_bits == 8  # type: ignore[attr-defined]
    x = np.random.default_rng(3).integers(-128, 128, (4, *node.input(0).shape), np.int8)
    (wanted,) = oracle.run_batch(data, [x]).outputs
    for graph in (read, wide):
        (found,) = Session(optimize(graph)).run([x])
        assert np.array_equal(found, wanted)


def test_onnx_has_them_as_int8() -> None:
    graph = next(s for s in Conv2D.samples() if s.id == "i4_3x3").graph
    x = np.random.default_rng(4).integers(-128, 128, (3, *graph.inputs[0].shape), np.int8)
    again = load_onnx(onnx_exporter.save(graph), "again")
    assert np.array_equal(Session(optimize(again)).run([x])[0], Session(graph).run([x])[0])


def test_other_weights_are_not_packed() -> None:
    """Out of range, beside an int16 input, in float: the attribute alone does not pack."""
    (node,) = next(s for s in FullyConnected.samples() if s.id == "i4_batch").graph.nodes
    assert packs(node, 4) and not packs(node, 8)
    weights = node.input(1)
    out_of_range = replace(weights, data=np.where(weights.const == 7, 8, weights.const).astype(np.int8))
    assert not packs(replace(node, inputs=(node.input(0), out_of_range, None)), 4)
    (wide,) = next(s for s in Conv2D.samples() if s.id == "i16_3x3").graph.nodes
    assert not packs(wide, 4)
    (plain,) = next(s for s in Conv2D.samples() if s.id == "f32_3x3").graph.nodes
    assert not packs(plain, 4)


def test_a_depthwise_layer_of_one_channel_stays_packed() -> None:
    """It becomes a plain convolution."""
    filter_ = sampling.weights("one", (1, 3, 3, 5), 3, bits=4)
    out = QuantParams.per_tensor(0.05, 0)
    op = DepthwiseConv2D(activation=Activation.RELU, weight_bits=4)
    sample = sampling.single(op, "one", [sampling.int8((1, 6, 6, 1)), filter_, None], out)
    (made,) = optimize(sample.graph).nodes
    assert made.op == Conv2D(activation=Activation.RELU, weight_bits=4) and packs(made, 4)


def _eight_bits(graph: Graph) -> Graph:
    (node,) = graph.nodes
    assert isinstance(node.op, Convolution | FullyConnected)
    op = replace(node.op, weight_bits=8)
    return Graph(graph.name, graph.inputs, graph.outputs, [Node(op, node.inputs, node.outputs, node.name)])


def _const_bytes(files: dict[str, bytes]) -> int:
    return int(json.loads(files["manifest.json"])["networks"][0]["constants"]["bytes"])


def test_a_float_layer_reads_packed_weights_as_well() -> None:
    """As hybrid layers have them: unpacked, and then floats."""
    weights = sampling.weights("hybrid", (5, 7), None, bits=4)
    kind = TensorType(DType.INT8, (1, 7), QuantParams.per_tensor(0.02, 0))
    out = Value("y", TensorType(DType.INT8, (1, 5), QuantParams.per_tensor(0.1, 0)))
    x = Value("x", kind)
    node = Node(FullyConnected(weight_bits=4), (x, weights, None), (out,), "dense")
    read = load(_floated(exporter.save(Graph("g", [x], [out], [node]))))
    given = np.random.default_rng(5).standard_normal((2, 1, 7)).astype(np.float32)
    (found,) = Session(optimize(read)).run([given])
    wanted = given @ (weights.const.astype(np.float32) * np.float32(0.02)).T
    np.testing.assert_allclose(np.asarray(found, np.float32), wanted, rtol=1e-5)


def _floated(data: bytes) -> bytes:
    """The file with computed tensors in float32."""
    changed = bytearray(data)
    subgraph = tflite.Model.GetRootAs(changed, 0).Subgraphs(0)
    for index in range(subgraph.TensorsLength()):
        tensor = subgraph.Tensors(index)
        place = tensor._tab.Offset(6)
        if tensor.Type() == tflite.TensorType.INT8:
            changed[tensor._tab.Pos + place] = tflite.TensorType.FLOAT32
    return bytes(changed)


@pytest.mark.oracle
def test_a_model_is_quantized_to_four_bits() -> None:
    """The interpreter takes the file; the scales are those of least error."""
    random = np.random.default_rng(8)

    def floats(name: str, *shape: int) -> Value:
        return Value(name, TensorType(DType.FLOAT32, shape))

    def constant(name: str, *shape: int) -> Value:
        data = random.standard_normal(shape).astype(np.float32)
        return Value(name, TensorType(DType.FLOAT32, shape), data)

    x, image, fine, last = (
        floats("x", 1, 6, 6, 3),
        floats("image", 1, 6, 6, 8),
        floats("fine", 1, 6, 6, 8),
        floats("y", 1, 5),
    )
    one = Padding(1, 1, 1, 1)
    nodes = [
        Node(Conv2D(padding=one), (x, constant("w", 8, 3, 3, 3), constant("b", 8)), (image,), "conv"),
        Node(DepthwiseConv2D(padding=one), (image, constant("d", 1, 3, 3, 8), None), (fine,), "deep"),
        Node(FullyConnected(), (fine, constant("f", 5, 288), constant("c", 5)), (last,), "dense"),
    ]
    graph = Graph("g", [x], [last], nodes)
    samples = {"x": random.standard_normal((40, 1, 6, 6, 3)).astype(np.float32)}
    four = quantize_graph(graph, samples, QuantConfig(weight_bits=4))
    eight = quantize_graph(graph, samples, QuantConfig())
    assert all(packs(node, node.op.weight_bits) for node in four.graph.nodes)  # type: ignore[attr-defined]
    assert four.report.quantized_bytes < eight.report.quantized_bytes - (216 + 72 + 1440) // 2 + 100
    x8 = random.integers(-128, 128, (6, *four.graph.inputs[0].shape), np.int8)
    (wanted,) = oracle.run_batch(exporter.save(four.graph), [x8]).outputs
    assert np.array_equal(Session(four.graph).run([x8])[0], wanted)
    real = np.asarray(Session(graph).run([samples["x"]])[0], np.float32)
    found = Session(quantize_graph(graph, samples, QuantConfig(weight_bits=4, io=Ports.FLOAT)).graph).run(
        [samples["x"]]
    )[0]
    error = np.square(np.asarray(found, np.float32) - real).mean() / np.square(real).mean()
    assert error < 0.03, error


def test_four_bits_go_with_int8_only() -> None:
    with pytest.raises(InputError, match="not weights_only"):
        QuantConfig(weight_bits=4, scheme=Scheme.WEIGHTS_ONLY)
    with pytest.raises(InputError, match="must be 4 or 8, not 2"):
        QuantConfig(weight_bits=2)
