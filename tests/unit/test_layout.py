"""Transposes move and cancel: none is left inside networks with channels in front, and the numbers stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from microgen.mindir import Array, Graph, Value, to_text
from microgen.passes import optimize
from microgen.passes.layout import absorb_border_transposes
from microgen.passes.mincut import SINK, SOURCE, Network
from microgen.passes.transposes import permuted_view
from microgen.runtime import Session
from tests.support.networks import NETWORKS, OPS, Net, inputs_of, names, optimized, shuffled, transformer


def inner_transposes(graph: Graph) -> int:
    """Transposes that neither read an input nor compute an output of the graph."""
    return sum(
        node.op.name == "Transpose" and node.input(0) not in graph.inputs and not graph.is_output(node.output)
        for node in graph.nodes
    )


@pytest.mark.parametrize(("network", "expected"), NETWORKS, ids=lambda v: getattr(v, "__name__", ""))
def test_no_transpose_is_left_inside(network: Callable[[], Graph], expected: set[str]) -> None:
    graph = network()
    result = optimized(graph)
    assert inner_transposes(graph) > 0
    assert inner_transposes(result) == 0, to_text(result)
    assert set(names(result)) - {"Transpose", "Reshape"} == expected, to_text(result)


@pytest.mark.parametrize(("network", "expected"), NETWORKS, ids=lambda v: getattr(v, "__name__", ""))
def test_border_transposes_are_absorbed(network: Callable[[], Graph], expected: set[str]) -> None:
    graph = optimize(network())
    result, changed = absorb_border_transposes(graph)
    assert "Transpose" not in names(result)
    given = inputs_of(graph)

    def compiled(value: Value, array: Array) -> Array:
        permutation = changed.get(value.name)
        return array if permutation is None else array.transpose(0, *(i + 1 for i in permutation))

    wanted = Session(graph).run(given)
    found = Session(result).run([compiled(v, a) for v, a in zip(graph.inputs, given, strict=True)])
    for value, a, b in zip(graph.outputs, wanted, found, strict=True):
        np.testing.assert_array_equal(compiled(value, a), b)


def test_shuffled_channels_cost_one_transpose() -> None:
    assert inner_transposes(optimized(shuffled())) == 1


def test_attention_keeps_its_own_four_transposes() -> None:
    graph = optimized(transformer())
    assert inner_transposes(graph) == 4, to_text(graph)
    assert names(graph).count("FullyConnected") == 5


def test_products_swap_dimensions_themselves() -> None:
    n = Net()
    x = n.input(2, 5, 6)
    y = n.add(OPS.BatchMatMul(), x, n.add(OPS.Transpose((0, 2, 1)), n.relu(x)))
    assert names(optimized(n.graph(y))) == ["Relu", "BatchMatMul"]


@pytest.mark.parametrize(("axis", "expected"), [(1, 3), (2, 1), (3, 2)])
def test_axes_follow_the_layout(axis: int, expected: int) -> None:
    n = Net()
    x = n.conv(n.input(1, 3, 6, 8), 4)
    x = n.conv(n.add(OPS.Softmax(axis=axis), x), 4)
    graph = optimized(n.graph(n.dense(n.flat(x), 3)))
    assert [vars(node.op)["axis"] % 4 for node in graph.nodes if node.op.name == "Softmax"] == [expected]


def test_a_dense_layer_behind_elementwise_operators_takes_the_layout() -> None:
    n = Net()
    x = n.flat(n.relu(n.conv(n.input(1, 3, 6, 8), 4)))
    x = n.add(OPS.Mul(), n.add(OPS.Logistic(), x), n.const(1, x.shape[1]))
    graph = optimized(n.graph(n.dense(x, 3), n.dense(n.add(OPS.Tanh(), x), 2)))
    assert inner_transposes(graph) == 0


def test_flattened_channels_that_others_read_keep_their_transpose() -> None:
    n = Net()
    x = n.flat(n.conv(n.input(1, 3, 6, 8), 4))
    graph = optimized(n.graph(n.dense(x, 3), n.add(OPS.Softmax(), x)))
    assert names(graph).count("Transpose") == 2


def test_inverse_transposes_between_input_and_output_leave_a_copy() -> None:
    n = Net()
    x = n.add(OPS.Transpose((0, 3, 1, 2)), n.add(OPS.Transpose((0, 2, 3, 1)), n.input(1, 2, 3, 4)))
    assert len(optimized(n.graph(x)).nodes) == 1


@pytest.mark.parametrize(
    ("before", "after", "permutation", "result"),
    [
        ((1, 8, 6), (1, 8, 1, 6), (0, 2, 1), (0, 2, 3, 1)),
        ((1, 1, 6, 8), (1, 6, 8), (0, 3, 1, 2), (0, 2, 1)),
        ((1, 8, 5, 6), (1, 8, 30), (0, 2, 3, 1), (0, 2, 1)),
        ((1, 8, 30), (1, 8, 5, 6), (0, 2, 1), (0, 2, 3, 1)),
        ((1, 8, 5, 6), (1, 2, 4, 5, 6), (0, 2, 3, 1), (0, 3, 4, 1, 2)),
        ((1, 8, 5, 6), (1, 240), (0, 2, 3, 1), None),
        ((1, 8, 5, 6), (1, 40, 6), (0, 3, 1, 2), (0, 2, 1)),
        ((2, 3, 4), (6, 4), (1, 0, 2), None),
        ((1, 1, 1), (1,), (2, 0, 1), (0,)),
        ((), (1, 1), (), (0, 1)),
    ],
)
def test_views_of_transposed_tensors(
    before: tuple[int, ...], after: tuple[int, ...], permutation: tuple[int, ...], result: tuple[int, ...] | None
) -> None:
    assert permuted_view(before, after, permutation) == result
    if result is not None:
        data = np.arange(int(np.prod(before))).reshape(before)
        shape = tuple(after[i] for i in result)
        np.testing.assert_array_equal(data.transpose(permutation).reshape(shape), data.reshape(after).transpose(result))


def test_a_dense_layer_that_flattens_itself_takes_the_layout() -> None:
    n = Net()
    x = n.conv(n.input(1, 3, 6, 8), 4)
    graph = optimized(n.graph(n.add(OPS.FullyConnected(), x, n.weights(5, 192), None)))
    assert inner_transposes(graph) == 0


def test_rows_that_a_transpose_mixes_keep_it() -> None:
    n = Net()
    x = n.add(OPS.Transpose((1, 0, 2)), n.relu(n.input(4, 6, 5)))
    graph = optimized(n.graph(n.add(OPS.FullyConnected(), x, n.weights(3, 20), None)))
    assert names(graph).count("Transpose") == 1


def test_the_cheapest_cut() -> None:
    network = Network()
    for start, end, capacity in ((SOURCE, "a", 5), ("a", "b", 2), (SOURCE, "b", 1), ("b", SINK, 4), ("a", SINK, 1)):
        network.edge(start, end, capacity)
    assert network.source_side() == {SOURCE, "a"}
