"""Layers that were left in float stay there: of quantized arithmetic only what a file marks so becomes int8."""

from __future__ import annotations

import numpy as np

from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, TensorType
from microgen.ops.dequantize import Dequantize
from microgen.ops.relu import Relu
from microgen.ops.softmax import Softmax
from microgen.passes import optimize
from microgen.quantize import QuantConfig, quantize_graph


def test_a_skipped_layer_stays_in_float_when_it_is_compiled() -> None:
    b = GraphBuilder("test")
    x = b.input("x", TensorType(DType.FLOAT32, (1, 8)))
    graph = b.graph([b.add(Relu(), b.add(Softmax(), b.add(Relu(), x)))])
    samples = np.random.default_rng(0).normal(0, 3, (20, 1, 8)).astype(np.float32)
    quantized = quantize_graph(graph, samples, QuantConfig(skip_operators=("Softmax",))).graph
    for form in (quantized, optimize(quantized)):
        (softmax,) = (node for node in form.nodes if isinstance(node.op, Softmax))
        assert softmax.output.type.dtype is DType.FLOAT32
        assert any(isinstance(node.op, Dequantize) for node in form.nodes)
