"""Models on the host: building, predicting, hooks, futures, pipelines, partitions."""

from __future__ import annotations

import gc
import os
import pickle
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen import Context, Model
from microgen.errors import InputError, MicrogenError, UsageError
from microgen.frontends.builder import GraphBuilder
from microgen.hostbench import bench_host
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
from microgen.runtime.program import Program


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
    watched = [weakref.ref(o) for o in (model, pipeline, *futures, *piped)]
    del model, futures, piped, pipeline, sequence, future
    gc.collect()
    assert not any(reference() for reference in watched)


def test_a_failing_item_ends_map_in_its_place() -> None:
    def stage(item: object) -> object:
        if item == 5:
            raise ValueError("five")
        return item

    with Pipeline[object, object]([stage, lambda item: item], depth=2) as pipeline:
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


def test_a_pipeline_that_nobody_holds_ends() -> None:
    threads = set(threading.enumerate())
    model = Model(diamond()).build()
    future = model.pipeline(3).submit([batch()])
    stages = set(threading.enumerate()) - threads
    future.result(timeout=10)
    gc.collect()
    for stage in stages:
        stage.join(timeout=10)
        assert not stage.is_alive()


class Item:
    """Something whose end can be watched."""


@pytest.mark.parametrize("fails", [False, True])
def test_a_pipeline_keeps_nothing_of_what_is_done(fails: bool) -> None:
    def stage(item: object) -> object:
        if fails:
            raise ValueError("no")
        return None

    item = Item()
    watched = weakref.ref(item)
    gc.disable()  # what refers to itself would stay
    try:
        with Pipeline[object, object]([stage], depth=2) as pipeline:
            future = pipeline.submit(item)
            assert (future.exception(timeout=10) is None) != fails
            del item, future
            deadline = time.monotonic() + 10  # the thread is done with it a moment after the future
            while watched() is not None and time.monotonic() < deadline:
                time.sleep(0.001)
            assert watched() is None
    finally:
        gc.enable()


def test_closing_while_others_submit() -> None:
    """Who waits for room is served or refused, and nobody waits for ever."""
    go, outcomes = threading.Event(), []

    def submit() -> None:
        try:
            outcomes.append(pipeline.submit(0).result(timeout=10))
        except UsageError:
            outcomes.append("closed")

    pipeline: Pipeline[object, object] = Pipeline([lambda item: go.wait(10)], depth=1)
    threads = [threading.Thread(target=submit) for _ in range(6)]
    threads.append(threading.Thread(target=pipeline.close))
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert len(outcomes) == 6 and set(outcomes) <= {True, "closed"}


def test_a_pipeline_can_be_closed_by_a_callback() -> None:
    with Pipeline[object, object]([lambda item: item]) as pipeline:
        closed = threading.Event()

        def close(_: object) -> None:
            pipeline.close()
            closed.set()

        pipeline.submit(1).add_done_callback(close)
        assert closed.wait(10)


def test_results_are_the_callers_own() -> None:
    builder = GraphBuilder("through")
    x = builder.input("x", TensorType(DType.FLOAT32, (2,)))
    y = builder.add(Relu(), x, name="y")
    c = builder.constant(np.ones(2, np.float32))
    model = Model(Graph("through", [x], [x, y, y, c], builder.graph([y]).nodes)).build()
    given_array = np.ones((3, 2), np.float32)
    results = model.predict(given_array)
    for index, result in enumerate(results):
        result[:] = index + 2
    assert [float(r.max()) for r in results] == [2, 3, 4, 5] and given_array.max() == 1
    assert model.predict(given_array)[3].max() == 1


def test_whatever_numpy_takes_for_an_array_is_one() -> None:
    class Foreign:
        def __len__(self) -> int:
            return 3

        def __array__(self, dtype: object = None, copy: object = None) -> Array:
            return batch(3)

    model = Model(diamond()).build()
    expected = model.predict(batch(3))[0]
    for found in (model.predict(Foreign()), model.predict({"x": Foreign()})):  # type: ignore[arg-type, dict-item]
        np.testing.assert_array_equal(found[0], expected)
    ragged: list[object] = [[[1.0, 2.0], [3.0]]]
    for wrong, message in (
        (3.0, r"is float64 \[\], not float32 \[samples, 1, 4\]"),
        ("abc", "not float32"),
        (ragged, "no array"),
        ({1: batch(), "x": batch()}, "inputs 'x', 1 were given, the model has 'x'"),
        ({"y\x1b[2J": batch()}, r"inputs 'y\\x1b\[2J' were given"),
        (batch()[0], r"numpy.newaxis"),
    ):
        with pytest.raises(InputError, match=message):
            model.predict(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no array"):
        model.inputs[0].set(ragged[0])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="-1 samples"):
        model.inputs[0].resize(-1)
    assert model.predict(batch(0))[0].shape == (0, 1, 4)


def test_contexts() -> None:
    assert Context("reference").devices == ("reference",)  # not its letters
    assert Context(["reference", "reference"]) == Context(()) == Context()
    for threads in (-1, 100_000):
        with pytest.raises(UsageError, match=f"{threads} threads"):
            Context(threads=threads)
    with pytest.raises(TypeError):
        Context(threads=2.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="0 workers"):
        Model(diamond()).build().pipeline(0)


class Result:
    """An executable with one result for everything."""

    def __init__(self, *outputs: Array) -> None:
        self.outputs = list(outputs)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        return self.outputs


@pytest.mark.parametrize("outputs", [(), (batch(2),), (batch(3).astype(np.float64),), (batch(3)[0],), (batch(3),) * 2])
def test_a_delegate_whose_results_do_not_fit_is_named(registered: Picky, outputs: tuple[Array, ...]) -> None:
    registered.operator = "Relu"
    registered.compile = lambda subgraph, threads: Result(*outputs)  # type: ignore[method-assign]
    model = Model(diamond()).build(Context("picky"))
    for hook in (None, lambda node, arrays: None):
        with pytest.raises(MicrogenError, match=r"path picky: gave .*, not \['float32 \[3, 1, 4\]'\]"):
            model.predict(batch(3), after=hook)


def test_a_part_of_constants_alone_has_all_samples(registered: Picky) -> None:
    builder = GraphBuilder("mixed")
    x = builder.input("x", TensorType(DType.FLOAT32, (2,)))
    alone = builder.add(Tanh(), builder.constant(np.ones(2, np.float32)), name="alone")
    graph = builder.graph([builder.add(Add(Activation.NONE), x, alone, name="sum")])
    program = Program(graph, [registered, find_delegate("reference")], 1)
    for hook in (None, lambda node, arrays: None):
        (found,) = program.run(np.zeros((5, 2), np.float32), after=hook)
        np.testing.assert_allclose(found, np.full((5, 2), np.tanh(1)), rtol=1e-6)


def test_what_fails_changes_nothing(registered: Picky) -> None:
    model = Model(diamond()).build(Context(("picky",)))
    with pytest.raises(UsageError, match="unknown path"):
        model.build(Context(("warp",)))
    assert model.context.devices == ("picky",) and {a.delegate.name for a in model.assignments} == {
        "picky",
        "reference",
    }

    def fail(node: Node, arrays: Sequence[Array]) -> None:
        raise KeyError(node.name)

    with pytest.raises(KeyError, match="a"):
        model.predict(batch(), before=fail)
    assert model.predict(batch())[0].shape == (3, 1, 4)


def open_model(path: Path) -> Path:
    """Two inputs, each with an open dimension."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    ports = [helper.make_tensor_value_info(name, 1, [f"n{name}", 4]) for name in "abuv"]
    nodes = [helper.make_node("Tanh", ["a"], ["u"]), helper.make_node("Relu", ["b"], ["v"])]
    graph = helper.make_graph(nodes, "g", ports[:2], ports[2:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_inputs_that_are_not_resized_keep_their_shapes(tmp_path: Path) -> None:
    path = open_model(tmp_path / "open.onnx")
    model = Model(path, {"a": (3, 4)})
    model.resize({"b": (2, 4)})
    assert [t.type.shape for t in model.inputs] == [(3, 4), (2, 4)]
    model.resize([(3, 4), (5, 4)])
    assert [t.type.shape for t in model.outputs] == [(3, 4), (5, 4)]
    for wrong, message in (
        ({"z": (1, 4)}, "'z' is no input of the model. Its inputs are 'a', 'b'"),
        ({"a": (3, 9)}, "9"),
    ):
        with pytest.raises(MicrogenError, match=message):
            model.resize(wrong)
    assert [t.type.shape for t in model.inputs] == [(3, 4), (5, 4)]
    with pytest.raises(UsageError, match="fixed"):
        Model(diamond(), {"x": (1, 4)})


def test_resizing_and_building_while_others_predict(tmp_path: Path) -> None:
    model = Model(open_model(tmp_path / "open.onnx")).build()
    inputs = [[np.ones((1, n, 4), np.float32), np.ones((1, 1, 4), np.float32)] for n in (1, 6)]
    stop = threading.Event()
    unexpected: list[BaseException] = []

    def predict() -> None:
        while not stop.is_set():
            for arrays in inputs:
                try:
                    assert model.predict(arrays)[0].shape == arrays[0].shape
                except InputError:  # the other shape just now
                    pass
                except BaseException as error:
                    unexpected.append(error)
                    raise

    threads = [threading.Thread(target=predict) for _ in range(3)]
    for thread in threads:
        thread.start()
    with model.pipeline(2) as pipeline:  # of the shapes as they are now
        for n in (6, 1) * 2:
            model.resize({"a": (n, 4)})
            model.build()
            assert pipeline.submit(inputs[0]).result(timeout=10)[0].shape == (1, 1, 4)
    stop.set()
    for thread in threads:
        thread.join()
    assert not unexpected


def test_without_inputs() -> None:
    builder = GraphBuilder("constant")
    value = builder.constant(np.ones(2, np.float32))
    model = Model(Graph("constant", [], [value], [])).build()
    for found in (model.predict(), model.predict([]), model.predict({}), model.predict_async([]).result()):
        np.testing.assert_array_equal(found[0], np.ones((1, 2), np.float32))
    with model, model.pipeline(2) as pipeline:
        assert pipeline.submit([]).result(timeout=10)[0].shape == (1, 2)
    assert bench_host(model, [], loops=1, warmup=0).samples == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_processes() -> None:
    """A forked process has threads of its own; what cannot be pickled says so."""
    with Model(diamond()).build(Context(threads=2)) as model:
        model.predict_async([batch()]).result(timeout=10)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = int(model.predict_async([batch()]).result(timeout=10)[0].shape != (3, 1, 4))
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        with pytest.raises(TypeError, match="one in each process"):
            pickle.dumps(model)


def test_rebuilding_takes_other_threads(registered: Picky) -> None:
    gate = threading.Barrier(3, timeout=10)

    class Waiting(Session):
        def run(self, inputs: Sequence[Array] | Mapping[str, Array]) -> list[Array]:
            gate.wait()  # for the two others
            return super().run(inputs)

    model = Model(diamond()).build(Context(threads=1))
    model.predict_async([batch()]).result(timeout=10)
    registered.operator = "Relu"
    registered.compile = lambda subgraph, threads: Waiting(subgraph)  # type: ignore[method-assign]
    with model.build(Context(("picky",), threads=3)):
        for future in [model.predict_async([batch()]) for _ in range(3)]:
            assert len(future.result(timeout=10)) == 2
