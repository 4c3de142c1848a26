"""A transposition before a RESHAPE to another scale was absorbed by the dense layer behind it with the first scale."""

from __future__ import annotations

import numpy as np

from microgen.frontends.builder import GraphBuilder
from microgen.mindir import QuantParams
from microgen.ops import sampling
from microgen.ops.fully_connected import FullyConnected
from microgen.ops.relu import Relu
from microgen.ops.reshape import Reshape
from microgen.ops.transpose import Transpose
from microgen.passes.dense import absorb_transposes
from microgen.runtime import Session


def test_a_dense_layer_reads_what_the_view_says() -> None:
    b = GraphBuilder("scales")
    kind, other = sampling.int8((1, 4, 4, 2), 0.05, 3), QuantParams.per_tensor(0.09, -9)
    x = b.input("x", kind)
    moved = b.add(Transpose((0, 3, 1, 2)), b.add(Relu(), x, quant=kind.quant), quant=kind.quant)
    row = b.add(Reshape((1, 32)), moved, quant=other)
    weights = sampling.weights("scales", (5, 32))
    graph = b.graph([b.add(FullyConnected(), row, weights, quant=QuantParams.per_tensor(0.5, 0))])
    data = np.random.default_rng(1).integers(-128, 128, (3, *kind.shape)).astype(np.int8)
    expected = Session(graph).run([data])[0]
    absorb_transposes(graph)
    np.testing.assert_array_equal(Session(graph).run([data])[0], expected)
