"""Two SQUEEZE or two EXPAND_DIMS in a row were merged into one with the axes of the second: the passes then failed."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.frontends.builder import GraphBuilder
from microgen.ops import sampling
from microgen.ops.base import Op
from microgen.ops.expand_dims import ExpandDims
from microgen.ops.squeeze import Squeeze
from microgen.passes import optimize
from microgen.runtime import Session


@pytest.mark.parametrize("ops", [(Squeeze((0,)), Squeeze((0,))), (ExpandDims(3), ExpandDims(4))])
def test_views_of_the_same_kind_in_a_row(ops: tuple[Op, Op]) -> None:
    b = GraphBuilder("views")
    kind = sampling.int8((1, 1, 6))
    x = b.input("x", kind)
    y = b.add(ops[1], b.add(ops[0], x, quant=kind.quant), quant=kind.quant)
    graph = optimize(b.graph([y]))
    assert [node.op.name for node in graph.nodes] == ["Reshape"]
    data = np.arange(6, dtype=np.int8).reshape(1, 1, 1, 6)
    np.testing.assert_array_equal(Session(graph).run([data])[0], data.reshape(1, *y.shape))
