"""What is kept from one invocation to the next: in the graph, on the host, in the memory plan and in files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from microgen.errors import VerifyError
from microgen.exporters import mindspore, onnx, tflite
from microgen.frontends import tflite as frontend
from microgen.mindir import Array, DType, Graph, Node, QuantParams, State, TensorType, Value, to_text, verify
from microgen.ops.add import Add
from microgen.ops.base import op_of
from microgen.ops.call import Target
from microgen.ops.concatenation import Concatenation
from microgen.ops.copy import Copy
from microgen.ops.relu import Relu
from microgen.ops.reshape import Reshape
from microgen.ops.slice import Slice
from microgen.passes import optimize
from microgen.plan import Plan, check, make_plan, order_states
from microgen.plan.check import PlanError
from microgen.runtime import Session
from microgen.runtime.session import initial_states

QUANT = QuantParams.per_tensor(0.1, 3)
KIND = TensorType(DType.INT8, (4,), QUANT)


def value(name: str, kind: TensorType = KIND) -> Value:
    return Value(name, kind)


def node(op: object, inputs: Sequence[Value], output: Value) -> Node:
    return Node(op, tuple(inputs), (output,), output.name)  # type: ignore[arg-type]


def state(name: str, before: Value, after: Value, initial: Sequence[int] = (0, 0, 0, 0)) -> State:
    return State(name, before, after, np.array(initial, before.type.dtype.numpy).reshape(before.shape))


def accumulator(initial: Sequence[int] = (1, 2, 3, 4)) -> Graph:
    """y = s + x, and s becomes y."""
    x, s, y = value("x"), value("s"), value("y")
    return Graph("sum", [x], [y], [node(Add(), (s, x), y)], [state("s", s, y, initial)])


def window() -> Graph:
    """The last three vectors of a stream, as a streaming convolution keeps them."""
    kind, kept = TensorType(DType.INT8, (1, 4), QUANT), TensorType(DType.INT8, (2, 4), QUANT)
    x, s, both, left = value("x", kind), value("s", kept), value("both", TensorType(DType.INT8, (3, 4), QUANT)), None
    left = value("left", kept)
    nodes = [node(Concatenation(axis=0), (s, x), both), node(Slice((1, 0), (2, 4)), (both,), left)]
    return Graph("window", [x], [both], nodes, [state("s", s, left, range(8))])


def stream(graph: Graph, count: int, seed: int = 0) -> list[Array]:
    random = np.random.default_rng(seed)
    return [random.integers(-128, 128, (count, *v.shape), dtype=np.int8) for v in graph.inputs]


def play(plan: Plan, inputs: Sequence[Array], initial: Sequence[State]) -> list[list[Array]]:
    """The outputs of each invocation, with every tensor where the plan puts it in memory that nothing clears."""
    arena = np.full(plan.arena_bytes, 0x55, np.uint8)

    def place(v: Value) -> slice:
        return slice(plan.offsets[v], plan.offsets[v] + v.type.nbytes)

    def read(v: Value) -> Array:
        if v.is_const:
            return v.const[None]
        return arena[place(v)].copy().view(v.type.dtype.numpy).reshape(1, *v.shape)

    for s in initial:
        arena[place(s.before)] = np.frombuffer(s.initial.tobytes(), np.uint8)
    results = []
    for i in range(len(inputs[0])):
        arena[plan.state_bytes :] = 0xAA
        for v, array in zip(plan.graph.inputs, inputs, strict=True):
            arena[place(v)] = np.frombuffer(array[i].tobytes(), np.uint8)
        for step in plan.steps:
            op = op_of(step.node)
            if not op.is_view:
                made = op.evaluate(step.node, [None if v is None else read(v) for v in step.node.inputs])
                for v, array in zip(step.node.outputs, made, strict=True):
                    arena[place(v)] = np.frombuffer(array.tobytes(), np.uint8)
        results.append([read(v)[0] for v in plan.graph.outputs])
    return results


def test_samples_are_a_stream() -> None:
    graph = accumulator()
    verify(graph)
    (x,) = stream(graph, 5)
    quiet = np.clip(x, -10, 10)
    (y,) = Session(graph).run([quiet])
    real = np.array([1, 2, 3, 4]) - 3.0
    for i in range(5):
        real = real + (quiet[i] - 3.0)
        assert np.array_equal(y[i], real + 3)
    again = Session(graph)
    assert np.array_equal(again.run([quiet])[0], y), "calls do not influence each other"
    kept = initial_states(graph)
    parts = [again.run([quiet[:2]], kept)[0], again.run([quiet[2:]], kept)[0]]
    assert np.array_equal(np.concatenate(parts), y), "the caller may go on where it was"
    assert np.array_equal(kept["s"], y[-1])


def test_text_names_states() -> None:
    text = to_text(accumulator())
    assert '  state  %1: int8[4] q(0.100000001, 3) "s"' in text and "  state  %1 = %2" in text


def test_what_the_verifier_refuses() -> None:
    graph = accumulator()
    (kept,) = graph.states
    (x,), (y,) = graph.inputs, graph.outputs
    other = value("other", TensorType(DType.INT8, (4,), QuantParams.per_tensor(0.2, 3)))
    with pytest.raises(VerifyError, match="is left as"):
        verify(Graph("g", [x, other], [y], graph.nodes, [dataclasses.replace(kept, after=other)]))
    with pytest.raises(VerifyError, match="two states have this name"):
        verify(Graph("g", [x], [y], graph.nodes, [kept, state("s", value("t"), y)]))
    with pytest.raises(VerifyError, match="listed twice"):
        verify(Graph("g", [x], [y], graph.nodes, [state("s", x, y)]))
    with pytest.raises(VerifyError, match="never computed"):
        verify(Graph("g", [x], [y], graph.nodes, [dataclasses.replace(kept, after=value("nowhere"))]))


def test_passes_keep_what_states_need() -> None:
    graph = window()
    optimized = optimize(graph)
    (x,) = stream(graph, 9)
    assert np.array_equal(Session(optimized).run([x])[0], Session(graph).run([x])[0])
    assert len(optimized.states) == 1


def test_states_that_nothing_reads_go() -> None:
    x, y, s, left = value("x"), value("y"), value("s"), value("left")
    nodes = [node(Relu(), (x,), y), node(Add(), (s, x), left)]
    optimized = optimize(Graph("g", [x], [y], nodes, [state("s", s, left)]))
    assert optimized.states == () and [n.op.name for n in optimized.nodes] == ["Relu"]


@pytest.mark.parametrize("constant", [False, True])
def test_states_that_never_change_are_constants(constant: bool) -> None:
    x, y, s = value("x"), value("y"), value("s")
    first = np.array([1, 2, 3, 4], np.int8)
    after = Value("c", KIND, first.copy()) if constant else s
    graph = Graph("g", [x], [y], [node(Add(), (s, x), y)], [state("s", s, after, (1, 2, 3, 4))])
    optimized = optimize(graph)
    assert optimized.states == () and any(v.is_const for v in optimized.nodes[0].inputs if v is not None)
    (given,) = stream(graph, 3)
    assert np.array_equal(Session(optimized).run([given])[0], Session(graph).run([given])[0])


def test_a_state_is_written_in_place_where_it_can_be() -> None:
    for graph in (accumulator(), window()):
        ordered = order_states(graph)
        assert not any(isinstance(n.op, Copy) for n in ordered.nodes), to_text(ordered)
        plan = make_plan(ordered, Target())
        check(plan)
        (kept,) = plan.graph.states
        assert plan.offsets[kept.before] == plan.offsets[kept.after] == 0
        assert plan.state_bytes == -(-kept.before.type.nbytes // 16) * 16
        (x,) = stream(graph, 6)
        expected = Session(graph).run([x])[0]
        found = play(plan, [x], plan.graph.states)
        assert all(np.array_equal(f[0], e) for f, e in zip(found, expected, strict=True))


def hard_cases() -> dict[str, Graph]:
    x, y, a, b, c = (value(n) for n in "xyabc")
    flat = value("flat", TensorType(DType.INT8, (2, 2), QUANT))
    fixed = Value("fixed", KIND, np.array([9, 8, 7, 6], np.int8))
    add = node(Add(), (a, x), y)
    return {
        "change places": Graph("g", [x], [y], [add], [state("a", a, b, (1, 2, 3, 4)), state("b", b, a, (5, 6, 7, 8))]),
        "in a ring": Graph("g", [x], [y], [add], [
            state("a", a, b, (1, 2, 3, 4)), state("b", b, c, (5, 6, 7, 8)), state("c", c, y, (9, 9, 9, 9))]),
        "delayed output": Graph("g", [x], [a], [], [state("a", a, x)]),
        "delayed twice": Graph("g", [x], [b], [], [state("a", a, x), state("b", b, a)]),
        "one value for two": Graph("g", [x], [y], [add, node(Add(), (y, b), c)], [state("a", a, y), state("b", b, y)]),
        "a view": Graph("g", [x], [y], [add, node(Reshape((2, 2)), (y,), flat), node(Reshape((4,)), (flat,), c)],
                        [state("a", a, c)]),
        "read after it is written": Graph("g", [x], [c], [add, node(Add(), (a, y), c)], [state("a", a, y)]),
        "a constant": Graph("g", [x], [y], [add], [state("a", a, fixed)]),
        "an output that is a view of the old one": Graph(
            "g", [x], [flat], [node(Reshape((2, 2)), (a,), flat), add], [state("a", a, y)]),
    }  # fmt: skip


@pytest.mark.parametrize("name", hard_cases())
def test_states_that_need_copies(name: str) -> None:
    graph = hard_cases()[name]
    verify(graph)
    ordered = order_states(graph)
    verify(ordered)
    assert [v.name for v in ordered.outputs] == [v.name for v in graph.outputs]
    plan = make_plan(ordered, Target())
    check(plan)
    (x,) = stream(graph, 7)
    expected = Session(graph).run([x])
    assert all(np.array_equal(a, b) for a, b in zip(Session(ordered).run([x]), expected, strict=True))
    for i, made in enumerate(play(plan, [x], plan.graph.states)):
        for found, wanted in zip(made, expected, strict=True):
            assert np.array_equal(found, wanted[i]), (name, i)


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_with_states(seed: int) -> None:
    """Sums, clamps and views of vectors, states left as any of them or as each other."""
    random = np.random.default_rng(seed)
    inputs = [value(f"x{i}") for i in range(int(random.integers(1, 3)))]
    found = [value(f"s{i}") for i in range(int(random.integers(1, 5)))]
    values, nodes = [*inputs, *found], []
    for i in range(int(random.integers(1, 9))):
        picked = [values[int(j)] for j in random.integers(0, len(values), 2)]
        kind = int(random.integers(0, 3))
        made = value(f"v{i}")
        if kind == 0:
            flat = value(f"f{i}", TensorType(DType.INT8, (2, 2), QUANT))
            nodes += [node(Reshape((2, 2)), picked[:1], flat), node(Reshape((4,)), (flat,), made)]
        else:
            nodes.append(node(Add() if kind == 1 else Relu(), picked if kind == 1 else picked[:1], made))
        values.append(made)
    states = [
        state(v.name, v, values[int(random.integers(0, len(values)))], random.integers(-9, 9, 4).tolist())
        for v in found
    ]
    outputs = [values[int(i)] for i in sorted(set(random.integers(0, len(values), 2).tolist()))]
    graph = Graph("random", inputs, outputs, nodes, states)
    x = stream(graph, 5, seed)
    expected = Session(graph).run(x)
    for candidate in (graph, optimize(graph)):
        ordered = order_states(candidate)
        plan = make_plan(ordered, Target())
        check(plan)
        made = play(plan, x, plan.graph.states)
        for i in range(5):
            for k, wanted in enumerate(expected):
                assert np.array_equal(made[i][k], wanted[i])


def test_the_checker_sees_states_that_are_written_over() -> None:
    plan = make_plan(order_states(accumulator()), Target())
    (x,) = plan.graph.inputs
    with pytest.raises(PlanError, match="lies among the states"):
        check(dataclasses.replace(plan, offsets={**plan.offsets, x: 4}, state_bytes=8))
    with pytest.raises(PlanError):
        check(dataclasses.replace(plan, offsets={**plan.offsets, x: 0}))
    (kept,) = plan.graph.states
    with pytest.raises(PlanError, match="left elsewhere"):
        check(dataclasses.replace(plan, offsets={**plan.offsets, kept.after: plan.offsets[x]}))


@pytest.mark.parametrize("graph", [accumulator(), window()], ids=lambda g: g.name)
def test_files_keep_states(graph: Graph) -> None:
    data = tflite.save(graph)
    again = frontend.load(data)
    assert [s.initial.tolist() for s in again.states] == [s.initial.tolist() for s in graph.states]
    (x,) = stream(graph, 5)
    assert np.array_equal(Session(again).run([x])[0], Session(graph).run([x])[0])
    assert tflite.save(again) == tflite.save(frontend.load(tflite.save(again)))


@pytest.mark.oracle
@pytest.mark.parametrize("graph", [accumulator(), window()], ids=lambda g: g.name)
def test_the_reference_interpreter_keeps_them_too(graph: Graph) -> None:
    from tests.support import oracle

    (x,) = stream(graph, 6)
    (theirs,) = oracle.run_batch(tflite.save(graph), [x]).outputs
    assert np.array_equal(theirs.reshape(len(x), *graph.outputs[0].shape), Session(graph).run([x])[0])


def test_formats_without_states() -> None:
    for exporter in (onnx, mindspore):
        with pytest.raises(VerifyError, match="between invocations") as refusal:
            exporter.save(accumulator())
        assert "tflite" in refusal.value.hint
