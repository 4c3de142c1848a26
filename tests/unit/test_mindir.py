"""MindIR: values are valid once they exist, mutators keep the indexes right, the verifier sees what is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.mindir import DType, Graph, Node, QuantParams, TensorType, Value, to_text, verify
from microgen.ops.relu import Relu
from microgen.ops.sampling import int8


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_must_be_positive_and_finite(scale: float) -> None:
    with pytest.raises(VerifyError, match="scale"):
        QuantParams((scale,), (0,))


@pytest.mark.parametrize(
    ("scales", "zeros", "axis"), [((), (), None), ((1.0, 2.0), (0,), 0), ((1.0, 2.0), (0, 0), None), ((1.0,), (0,), -1)]
)
def test_quantization_parameters_must_fit_together(
    scales: tuple[float, ...], zeros: tuple[int, ...], axis: int | None
) -> None:
    with pytest.raises(VerifyError):
        QuantParams(scales, zeros, axis)


@pytest.mark.parametrize("shape", [(0,), (-1, 2), (1,) * 7, (1 << 20, 1 << 20)])
def test_shapes_are_bounded(shape: tuple[int, ...]) -> None:
    with pytest.raises(VerifyError):
        TensorType(DType.INT8, shape)


def test_zero_points_lie_in_the_element_type() -> None:
    with pytest.raises(VerifyError, match="zero point"):
        TensorType(DType.INT8, (1,), QuantParams.per_tensor(1.0, 128))


def test_axis_must_match_the_shape() -> None:
    with pytest.raises(VerifyError):
        TensorType(DType.INT8, (2, 3), QuantParams((1.0, 2.0), (0, 0), 1))
    with pytest.raises(VerifyError):
        TensorType(DType.INT8, (2,), QuantParams((1.0, 2.0), (0, 0), 1))


def test_values_are_frozen_and_constants_read_only() -> None:
    value = Value("w", TensorType(DType.INT8, (2,)), np.array([1, 2], np.int8))
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.name = "x"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        value.const[0] = 3


def chain(length: int) -> tuple[Graph, list[Value]]:
    """input → RELU → … → RELU."""
    values = [Value(f"v{i}", int8((1, 4))) for i in range(length + 1)]
    nodes = [Node(Relu(), (values[i],), (values[i + 1],), f"n{i}") for i in range(length)]
    return Graph("chain", values[:1], values[-1:], nodes), values


def test_verify_accepts_a_chain_and_indexes_are_right() -> None:
    graph, values = chain(3)
    verify(graph)
    assert graph.producer(values[0]) is None
    assert graph.producer(values[2]) is graph.nodes[1]
    assert graph.users(values[1]) == (graph.nodes[1],)
    assert graph.sole_user(values[3]) is None  # the caller receives it


def test_replacing_a_value_rewires_users_and_outputs() -> None:
    graph, values = chain(2)
    graph.replace_value(values[2], values[1])
    graph.remove_nodes([graph.nodes[1]])
    verify(graph)
    assert graph.outputs == (values[1],)


def broken_graphs() -> dict[str, Graph]:
    graph, values = chain(2)
    first, second = graph.nodes
    constant = Value("c", TensorType(DType.INT8, (4,)), np.zeros(4, np.int8))
    wrong = Value("wrong", int8((1, 5)))
    return {
        "order": Graph("g", values[:1], values[-1:], [second, first]),
        "twice": Graph("g", values[:1], values[-1:], [first, first, second]),
        "never computed": Graph("g", values[:1], [Value("ghost", int8((1,)))], [first, second]),
        "no output": Graph("g", values[:1], [], [first, second]),
        "constant input": Graph("g", [constant], values[-1:], [first, second]),
        "input twice": Graph("g", [values[0], values[0]], values[-1:], [first, second]),
        "shape": Graph("g", values[:1], [wrong], [Node(Relu(), (values[0],), (wrong,), "n")]),
        "node without output": Graph("g", values[:1], values[:1], [Node(Relu(), (values[0],), (), "n")]),
    }


@pytest.mark.parametrize("name", broken_graphs())
def test_verify_rejects(name: str) -> None:
    with pytest.raises(VerifyError):
        verify(broken_graphs()[name])


def test_text_is_stable_and_escapes_names() -> None:
    graph, _ = chain(1)
    assert to_text(graph) == to_text(graph.copy())
    hostile = Value('a"\n*/', int8((1,)))
    text = to_text(Graph("g", [hostile], [hostile], []))
    assert text.count("\n") == 4
    assert '\\"' in text
    assert "\\n*/" in text
