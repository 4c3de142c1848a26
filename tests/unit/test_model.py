"""Models on the host: building, predicting, hooks, futures, pipelines, partitions."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen import Context, Model
from microgen.errors import InputError, UsageError
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import Array, DType, Graph, Node, TensorType
from microgen.ops.add import Add
from microgen.ops.attributes import Activation
from microgen.ops.relu import Relu
from microgen.ops.tanh import Tanh
from microgen.runtime import Session
from microgen.runtime import delegate as delegates
from microgen.runtime.delegate import Claim, Executable, No, Yes, find_delegate
from microgen.runtime.partition import assign, partition
from microgen.runtime.pipeline import Pipeline


def diamond() -> Graph:
    """relu and tanh of one input, added; the sum is an output, and so is its tanh."""
    builder = GraphBuilder("diamond")
    x = builder.input("x", TensorType(DType.FLOAT32, (1, 4)))
    total = builder.add(Add(Activation.NONE), builder.add(Relu(), x, name="a"), builder.add(Tanh(), x, name="b"))
    return builder.graph([total, builder.add(Tanh(), total, name="last")])


def batch(count: int = 3) -> Array:
    return np.random.default_rng(0).normal(size=(count, 1, 4)).astype(np.float32)


class Picky:
    """Takes one kind of operator; what it compiles is recorded."""

    exact = True

    def __init__(self, name: str = "picky", operator: str = "Tanh") -> None:
        self.name = name
        self.operator = operator
        self.compiled: list[Graph] = []

    def claims(self, node: Node) -> Claim:
        return Yes() if node.op.name == self.operator else No(f"is no {self.operator}")

    def compile(self, subgraph: Graph, threads: int) -> Executable:
        self.compiled.append(subgraph)
        return Session(subgraph)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Picky:
    """A third party's delegate under the name ``picky``."""
    delegate = Picky()
    monkeypatch.setattr(delegates, "_third_party", lambda: delegate, raising=False)
    point = metadata.EntryPoint("picky", "microgen.runtime.delegate:_third_party", delegates.ENTRY_POINTS)
    monkeypatch.setattr(delegates, "_points", lambda: {"picky": point})
    return delegate


def test_names_order_and_shared_memory() -> None:
    graph, x = diamond(), batch()
    expected = Session(graph).run([x])
    model = Model(graph).build()
    for given_inputs in ([x], {"x": x}, x):
        for found, wanted in zip(model.predict(given_inputs), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    model.inputs[0].set(x)
    assert np.shares_memory(model.inputs[0].numpy(), x)
    model.predict()
    np.testing.assert_array_equal(model.outputs[1].numpy(), expected[1])
    model.inputs[0].resize(2)
    model.inputs[0].numpy()[:] = x[:2]
    model.predict()
    assert model.outputs[0].shape == (2, 1, 4)
    assert (model.inputs[0].name, model.inputs[0].dtype, model.inputs[0].quant) == ("x", DType.FLOAT32, None)


def test_what_does_not_fit_is_refused() -> None:
    model = Model(diamond())
    with pytest.raises(UsageError, match="not built"):
        model.predict([batch()])
    model.build()
    for wrong in ([], {"y": batch()}, [batch().astype(np.float64)], [batch()[:, :, :3]]):
        with pytest.raises(InputError):
            model.predict(wrong)
    with pytest.raises(InputError, match="float32"):
        model.inputs[0].set(np.zeros((1, 4), np.int8))
    with pytest.raises(UsageError, match="fixed"):
        model.resize([(1, 8)])
    model.resize([(1, 4)])
    with pytest.raises(UsageError, match="2 shapes"):
        model.resize([(1, 4), (1, 4)])
    with pytest.raises(UsageError, match="unknown path 'cuda'"):
        Model(diamond()).build(Context(("cuda",)))


def test_hooks_see_every_operator_with_its_values(registered: Picky) -> None:
    graph, x = diamond(), batch(2)
    model = Model(graph).build(Context(("picky",)))
    seen: list[tuple[str, str]] = []
    values: dict[str, Array] = {}

    def before(node: Node, inputs: Sequence[Array]) -> None:
        seen.append(("before", node.op.name))
        assert len(inputs) == len(node.inputs)

    def after(node: Node, outputs: Sequence[Array]) -> None:
        seen.append(("after", node.op.name))
        values[node.name] = outputs[0]

    found = model.predict([x], before=before, after=after)
    assert seen == [(when, a.node.op.name) for a in model.assignments for when in ("before", "after")]
    expected = Session(model.graph).run_all([x])
    for node in model.graph.nodes:
        np.testing.assert_array_equal(values[node.name], expected[node.output])
    np.testing.assert_array_equal(found[1], expected[model.graph.outputs[1]])


def test_a_registered_delegate_gets_what_it_claims(registered: Picky) -> None:
    x = batch()
    model = Model(diamond()).build(Context(("picky",)))
    assert sorted(node.op.name for graph in registered.compiled for node in graph.nodes) == ["Tanh", "Tanh"]
    assert {a.node.op.name: a.refusals for a in model.assignments}["Relu"] == (("picky", "is no Tanh"),)
    np.testing.assert_array_equal(model.predict([x])[1], Session(diamond()).run([x])[1])


def test_what_is_registered_must_be_a_delegate(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, match in (("builtins:dict", "no delegate"), ("nowhere_at_all:x", "cannot be loaded")):
        point = metadata.EntryPoint("odd", value, delegates.ENTRY_POINTS)
        monkeypatch.setattr(delegates, "_points", lambda point=point: {"odd": point})
        with pytest.raises(UsageError, match=match):
            find_delegate("odd")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    builder = GraphBuilder("drawn")
    values = [builder.input("x", TensorType(DType.FLOAT32, (1, 3)))]
    for index in range(draw(st.integers(1, 12))):
        pick = st.sampled_from(values)
        kind = draw(st.sampled_from(["Relu", "Tanh", "Add"]))
        if kind == "Add":
            values.append(builder.add(Add(Activation.NONE), draw(pick), draw(pick), name=f"n{index}"))
        else:
            values.append(builder.add(Relu() if kind == "Relu" else Tanh(), draw(pick), name=f"n{index}"))
    return builder.graph(draw(st.lists(st.sampled_from(values[1:]), min_size=1, max_size=3, unique=True)))


@given(graphs(), st.sampled_from([("Tanh",), ("Tanh", "Add"), ("Add",), ()]))
@settings(max_examples=150, deadline=None)
def test_any_partition_computes_the_same(graph: Graph, claimed: tuple[str, ...]) -> None:
    """Each part runs once all its inputs are known, and together they run every node once."""
    chosen = [*(Picky(name, name) for name in claimed), find_delegate("reference")]
    parts = partition(graph, assign(graph, chosen))
    assert sorted(n.name for part in parts for n in part.graph.nodes) == sorted(n.name for n in graph.nodes)
    x = np.random.default_rng(1).normal(size=(2, 1, 3)).astype(np.float32)
    values = dict(zip(graph.inputs, [x], strict=True))
    for part in parts:
        inputs = [values[v] for v in part.graph.inputs]  # KeyError: a part came too early
        values.update(zip(part.graph.outputs, Session(part.graph).run(inputs), strict=True))
    for value, expected in zip(graph.outputs, Session(graph).run([x]), strict=True):
        np.testing.assert_array_equal(values[value], expected)


@pytest.mark.parametrize("workers", [1, 2, 4, 9])
def test_a_pipeline_keeps_the_order(workers: int) -> None:
    items = [batch(1) + i for i in range(40)]
    model = Model(diamond()).build()
    with model.pipeline(workers, depth=2) as pipeline:
        assert pipeline.stages == min(workers, 4)
        found = list(pipeline.map([item] for item in items))
    for outputs, item in zip(found, items, strict=True):
        np.testing.assert_array_equal(outputs[1], model.predict([item])[1])
    with pytest.raises(UsageError, match="closed"):
        pipeline.submit([items[0]])


def test_a_thousand_predictions_with_failures(registered: Picky) -> None:
    """Every future resolves, with its own result or its own error, and nothing stays behind."""
    threads = threading.active_count()
    model = Model(diamond()).build(Context(threads=4))
    good, bad = batch(1), batch(1)[:, :, :3]
    with model, model.pipeline(4, depth=4) as pipeline:
        futures = [model.predict_async([bad if i % 7 == 0 else good * i]) for i in range(500)]
        piped = [pipeline.submit([bad if i % 5 == 0 else good * i]) for i in range(500)]
        for number, sequence in ((7, futures), (5, piped)):
            for i, future in enumerate(sequence):
                if i % number == 0:
                    assert isinstance(future.exception(timeout=60), InputError)
                else:
                    np.testing.assert_array_equal(future.result(timeout=60)[0], model.predict([good * i])[0])
    assert threading.active_count() == threads
    watched = weakref.ref(model)
    del model, futures, piped, pipeline, sequence, future
    gc.collect()
    assert watched() is None


def test_a_failing_item_ends_map_in_its_place() -> None:
    def stage(item: object) -> object:
        if item == 5:
            raise ValueError("five")
        return item

    with Pipeline([stage, lambda item: item], depth=2) as pipeline:
        results = pipeline.map(range(10))
        assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(ValueError, match="five"):
            next(results)
        assert pipeline.submit(7).result(timeout=10) == 7


def test_resize_reads_the_file_again(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    ports = [helper.make_tensor_value_info(name, 1, ["n", 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Tanh", ["x"], ["y"])], "g", ports[:1], ports[1:])
    path = tmp_path / "open.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    model = Model(path).build()
    assert model.inputs[0].type.shape == (1, 4)
    model.resize({"x": (6, 4)})
    assert model.predict([np.zeros((2, 6, 4), np.float32)])[0].shape == (2, 6, 4)
