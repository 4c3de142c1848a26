"""Networks quantized with int16 activations: nearer to the float network than int8, and the same in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microgen.exporters import tflite as exporter
from microgen.frontends import load
from microgen.mindir import DType, Graph, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.attributes import Activation, Padding
from microgen.ops.conv2d import Conv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.log_softmax import LogSoftmax
from microgen.ops.mul import Mul
from microgen.ops.reshape import Reshape
from microgen.ops.softmax import Softmax
from microgen.ops.tanh import Tanh
from microgen.quantize.config import Ports, QuantConfig, Scheme
from microgen.quantize.data import Samples
from microgen.quantize.pipeline import Quantized, quantize_graph
from microgen.runtime import Session
from tests.support import oracle

WIDE = QuantConfig(scheme=Scheme.INT16X8)


def network(last: Softmax | LogSoftmax) -> Graph:
    """A convolution, a curve, a constant factor and a classifier, in float."""

    def value(name: str, *shape: int) -> Value:
        return Value(name, TensorType(DType.FLOAT32, shape))

    image, conv, curve, product, flat = (
        *(value(name, 1, 6, 6, n) for name, n in (("image", 2), ("conv", 5), ("curve", 5), ("product", 5))),
        value("flat", 1, 180),
    )
    dense, result = value("dense", 1, 4), value("result", 1, 4)
    weights = sampling.float_weights("conv", (5, 3, 3, 2), 0.3)
    nodes = [
        Node(Conv2D(padding=Padding(1, 1, 1, 1), activation=Activation.RELU),
             (image, weights, sampling.float_weights("conv", (5,), name="bias")), (conv,), "conv"),
        Node(Tanh(), (conv,), (curve,), "curve"),
        Node(Mul(), (curve, sampling.float_weights("factor", (5,), name="factor")), (product,), "product"),
        Node(Reshape((1, 180)), (product,), (flat,), "flat"),
        Node(FullyConnected(), (flat, sampling.float_weights("dense", (4, 180), 0.1),
             sampling.float_weights("dense", (4,), name="shift")), (dense,), "dense"),
        Node(last, (dense,), (result,), "result"),
    ]  # fmt: skip
    return Graph("wide", [image], [result], nodes)


def quantized(config: QuantConfig, graph: Graph) -> Quantized:
    data = np.random.default_rng(3).normal(size=(40, 1, 6, 6, 2)).astype(np.float32)
    return quantize_graph(graph, Samples([data]), config)


def test_activations_are_int16_and_biases_int64() -> None:
    made = quantized(WIDE, network(Softmax())).graph
    kinds = {value.name: value.type for value in made.values()}
    assert kinds["image"].dtype is kinds["result"].dtype is kinds["product"].dtype is DType.INT16
    assert kinds["weights"].dtype is DType.INT8
    assert {kinds[name].dtype for name in ("bias", "shift")} == {DType.INT64}
    assert kinds["factor"].dtype is DType.INT16
    assert all(t.quant.zero_points == (0,) for t in kinds.values() if t.dtype is DType.INT16 and t.quant is not None)
    assert kinds["curve"].quant == kinds["result"].quant == sampling.int16((1,), 2.0**-15).quant


def test_it_is_nearer_than_int8() -> None:
    wide, narrow = (quantized(config, network(Softmax())).report.layers for config in (WIDE, QuantConfig()))
    last = [layers[-1].accumulated.sqnr for layers in (wide, narrow)]
    assert last[0] > last[1] + 6.0


def test_layers_without_an_int16_form_stay_in_float() -> None:
    made = quantized(WIDE, network(LogSoftmax())).graph
    assert made.outputs[0].type.dtype is DType.FLOAT32
    assert [node.op.name for node in made.nodes][-2:] == ["Dequantize", "LogSoftmax"]


@pytest.mark.oracle
@pytest.mark.parametrize("io", Ports)
def test_the_file_computes_the_same(io: Ports) -> None:
    graph = quantized(QuantConfig(scheme=Scheme.INT16X8, io=io), network(Softmax())).graph
    data = exporter.save(graph)
    again = load(Path("wide.tflite"), data)
    inputs = [np.random.default_rng(5).normal(size=(6, 1, 6, 6, 2))]
    scaled = inputs[0] * (1.0 if io is Ports.FLOAT else 8000.0)
    given = [scaled.clip(-32768, 32767).astype(graph.inputs[0].type.dtype.numpy)]
    ours = Session(graph).run(given)
    np.testing.assert_array_equal(ours[0], Session(again).run(given)[0])
    np.testing.assert_array_equal(ours[0], oracle.run_batch(data, given).outputs[0])
