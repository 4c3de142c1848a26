"""Streaming float networks in int8: what is kept between steps is one tensor with one scale."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.exporters import tflite
from microgen.frontends import tflite as frontend
from microgen.mindir import DType, Graph, Node, State, Value, verify
from microgen.ops import sampling
from microgen.ops.attributes import Activation
from microgen.ops.concatenation import Concatenation
from microgen.ops.conv2d import Conv2D
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.reshape import Reshape
from microgen.ops.slice import Slice
from microgen.ops.tanh import Tanh
from microgen.quantize import QuantConfig, quantize_graph
from microgen.quantize.config import Ports, Scheme
from microgen.quantize.data import Samples
from microgen.runtime import Session


def network(recurrent: bool = False) -> Graph:
    """A convolution over the last three of a stream of frames, then a dense layer; ``recurrent``: which also reads what
    it gave last, a second state.
    """

    def value(name: str, *shape: int) -> Value:
        return Value(name, sampling.float32(shape))

    frame, both = value("x", 1, 1, 1, 8), value("b", 1, 3, 1, 8)
    window, left = value("s", 1, 2, 1, 8), value("l", 1, 2, 1, 8)
    features, scores = value("f", 1, 1, 1, 12), value("y", 1, 4)
    states = [State("window", window, left, np.zeros(window.shape, np.float32))]
    nodes = [
        Node(Concatenation(axis=1), (window, frame), (both,), "join"),
        Node(Slice((0, 1, 0, 0), (1, 2, 1, 8)), (both,), (left,), "shift"),
        Node(Conv2D(activation=Activation.RELU),
             (both, sampling.float_weights("c", (12, 3, 1, 8), 0.2), sampling.float_weights("b", (12,), 0.1)),
             (features,), "conv"),
    ]  # fmt: skip
    dense = sampling.float_weights("d", (4, 12), 0.2)
    if not recurrent:
        nodes.append(Node(FullyConnected(), (features, dense, None), (scores,), "dense"))
        return Graph("stream", [frame], [scores], nodes, states)
    before, flat, joined, raw = value("h", 1, 4), value("flat", 1, 12), value("joined", 1, 16), value("raw", 1, 4)
    nodes += [
        Node(Reshape((1, 12)), (features,), (flat,), "flatten"),
        Node(Concatenation(axis=1), (flat, before), (joined,), "with the last"),
        Node(FullyConnected(), (joined, sampling.float_weights("r", (4, 16), 0.2), None), (raw,), "dense"),
        Node(Tanh(), (raw,), (scores,), "squash"),
    ]
    states.append(State("hidden", before, scores, np.zeros((1, 4), np.float32)))
    return Graph("stream", [frame], [scores], nodes, states)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("io", [Ports.INT8, Ports.FLOAT])
@pytest.mark.parametrize("scheme", [Scheme.INT8, Scheme.WEIGHTS_ONLY])
def test_streams_are_quantized(recurrent: bool, io: Ports, scheme: Scheme) -> None:
    graph = network(recurrent)
    verify(graph)
    x = np.random.default_rng(0).normal(0, 1, (60, 1, 1, 1, 8)).astype(np.float32)
    config = QuantConfig(io=io, scheme=scheme)
    made = quantize_graph(graph, Samples((x,), ()), config).graph
    if scheme is Scheme.INT8:
        for state in made.states:
            assert state.before.type == state.after.type and state.before.type.dtype is DType.INT8
            assert state.initial.tolist() == np.full(state.before.shape, state.before.type.quant.zero_point).tolist()
        floats = [n for n in made.nodes for v in n.outputs if v.type.dtype is DType.FLOAT32]
        assert len(floats) == (io is Ports.FLOAT)
    (given,) = made.inputs
    y = np.random.default_rng(1).normal(0, 1, (40, 1, 1, 1, 8)).astype(np.float32)
    fed = y
    if given.type.quant is not None:
        fed = np.clip(np.round(y / given.type.quant.scale) + given.type.quant.zero_point, -128, 127).astype(np.int8)
    (found,) = Session(made).run([fed])
    quant = made.outputs[0].type.quant
    real = found if quant is None else (found.astype(np.float32) - quant.zero_point) * np.float32(quant.scale)
    (expected,) = Session(graph).run([y])
    cosine = (real * expected).sum() / np.sqrt((real**2).sum() * (expected**2).sum())
    assert cosine > 0.995
    again = frontend.load(tflite.save(made))
    assert np.array_equal(Session(again).run([fed])[0], found)
