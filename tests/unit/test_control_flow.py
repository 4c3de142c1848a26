"""IF and WHILE whose course depends on the input: reading, rules, limits of the host, plans, writing."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
import tflite as schema

from microgen.bench import layers_by_line
from microgen.boards import load_board
from microgen.compiler import Options, compile_graph, device_problems
from microgen.errors import InputError, MicrogenError, UnsupportedError, VerifyError
from microgen.example import make_example
from microgen.exporters import onnx
from microgen.exporters import tflite as exporter
from microgen.frontends import tflite
from microgen.frontends.builder import GraphBuilder
from microgen.mindir import DType, Graph, Node, State, TensorType, Value, to_text, verify
from microgen.ops.call import Target
from microgen.ops.copy import Copy
from microgen.ops.if_then import If
from microgen.ops.while_loop import While
from microgen.passes import optimize
from microgen.plan import check, make_plan
from microgen.plan.check import PlanError
from microgen.runtime import Session
from microgen.verification import behind_floats
from tests.support.control_flow import COUNT, IMAGE, MODELS, Q, inputs_for, less, part
from tests.support.networks import OPS
from tests.support.oracle import Oracle
from tests.support.tflite_file import ints, operator, write

B, T = schema.BuiltinOperator, schema.TensorType
LESS, ADD, WHILE, IF = range(4)
CODES = [{"BuiltinCode": code, "DeprecatedBuiltinCode": code, "Version": 1} for code in (B.LESS, B.ADD, B.WHILE, B.IF)]


def tensor(name: str, kind: int = T.INT32, shape: tuple[int, ...] = (1,), buffer: int = 0) -> dict[str, Any]:
    return {"Name": name, "Shape": ints(*shape), "Type": kind, "Buffer": buffer}


def control(code: int, inputs: tuple[int, ...], outputs: tuple[int, ...], first: int, second: int) -> dict[str, Any]:
    """An IF or a WHILE with the numbers of its two subgraphs."""
    table, fields = ("While", ("Cond", "Body")) if code == WHILE else ("If", ("Then", "Else"))
    options = dict(zip((f"{field}SubgraphIndex" for field in fields), (first, second), strict=True))
    kind = getattr(schema.BuiltinOptions, f"{table}Options")
    return operator(code, inputs, outputs, BuiltinOptionsType=kind, BuiltinOptions=(f"{table}Options", options))


def subgraph(tensors: list[Any], inputs: tuple[int, ...], outputs: tuple[int, ...], *made: Any) -> dict[str, Any]:
    return {"Tensors": tensors, "Inputs": ints(*inputs), "Outputs": ints(*outputs), "Operators": list(made)}


def counting(limit: int = 5) -> dict[str, Any]:
    """``while n < limit: n += step`` where the step, 2, is handed through the loop."""
    buffers = [{}, *({"Data": np.array([n], "<i4").view(np.uint8)} for n in (limit, 2))]
    main = subgraph(
        [tensor("n"), tensor("step", buffer=2), tensor("y"), tensor("same")],
        (0,),
        (2,),
        control(WHILE, (0, 1), (2, 3), 1, 2),
    )
    goes_on = subgraph(
        [tensor("n"), tensor("step"), tensor("limit", buffer=1), tensor("truth", T.BOOL)],
        (0, 1),
        (3,),
        operator(LESS, (0, 2), (3,)),
    )
    body = subgraph([tensor("n"), tensor("step"), tensor("more")], (0, 1), (2, 1), operator(ADD, (0, 1), (2,)))
    return {"Version": 3, "OperatorCodes": CODES, "Buffers": buffers, "Subgraphs": [main, goes_on, body]}


def test_a_constant_that_a_loop_hands_through_is_the_subgraphs_own() -> None:
    data = write(counting())
    graph = tflite.load(data)
    (node,) = graph.nodes
    assert len(node.inputs) == len(node.outputs) == 1
    x = np.array([[-3], [4], [5], [100]], np.int32)
    (found,) = Session(graph).run([x])
    assert found.ravel().tolist() == [5, 6, 5, 100]
    np.testing.assert_array_equal(found, Oracle(data).run_batch([x]).outputs[0])


def _wrong_number(model: dict[str, Any], number: int) -> None:
    model["Subgraphs"][0]["Operators"] = [control(WHILE, (0, 1), (2, 3), 1, number)]


def _calls_itself(model: dict[str, Any]) -> None:
    body = model["Subgraphs"][2]
    body["Tensors"].append(tensor("other"))
    body["Operators"] = [control(WHILE, (0, 1), (2, 3), 1, 2)]


def _more_operands(model: dict[str, Any]) -> None:
    model["Subgraphs"][2]["Inputs"] = ints(0)


def _fewer_results(model: dict[str, Any]) -> None:
    model["Subgraphs"][2]["Outputs"] = ints(2)


def _other_result(model: dict[str, Any]) -> None:
    model["Subgraphs"][0]["Operators"] = [control(WHILE, (0, 1), (2,), 1, 2)]


def _grows(model: dict[str, Any]) -> None:
    model["Subgraphs"][2]["Tensors"][2]["Shape"] = ints(2)


def _wider(model: dict[str, Any]) -> None:
    """The body's result is larger than what it takes."""
    body = model["Subgraphs"][2]
    body["Tensors"] += [tensor("pair", shape=(2,), buffer=3), tensor("sum", shape=(2,))]
    model["Buffers"] = [*model["Buffers"], {"Data": np.arange(2, dtype="<i4").view(np.uint8)}]
    body["Operators"] = [operator(ADD, (0, 3), (4,))]
    body["Outputs"] = ints(4, 1)


def _other_type(model: dict[str, Any]) -> None:
    for index in range(3):
        model["Subgraphs"][2]["Tensors"][index]["Type"] = T.FLOAT32


def _no_truth(model: dict[str, Any]) -> None:
    model["Subgraphs"][1]["Outputs"] = ints(0)


def _two_truths(model: dict[str, Any]) -> None:
    model["Subgraphs"][1]["Outputs"] = ints(3, 3)


def _known_and_endless(model: dict[str, Any]) -> None:
    model["Buffers"][1] = {"Data": np.array([(1 << 31) - 1], "<i4").view(np.uint8)}
    model["Subgraphs"][0]["Tensors"][0]["Buffer"] = 2
    model["Subgraphs"][0]["Inputs"] = ints()


def _keeps(model: dict[str, Any]) -> None:
    model["Subgraphs"][2]["Tensors"][2]["IsVariable"] = True


MUTATIONS = {
    "number_99": (lambda m: _wrong_number(m, 99), "cannot call subgraph 99"),
    "number_-1": (lambda m: _wrong_number(m, -1), "cannot call subgraph -1"),
    "number_0": (lambda m: _wrong_number(m, 0), "cannot call subgraph 0"),
    "recursion": (_calls_itself, "cannot call subgraph 2"),
    "operands": (_more_operands, "takes 1 tensors and is given 2"),
    "results": (_fewer_results, "gives 1 tensors, not 2"),
    "outputs": (_other_result, "takes 2 tensors and gives 1"),
    "shape": (_grows, "not int32"),
    "wider": (_wider, "must give int32"),
    "type": (_other_type, "takes float32"),
    "condition": (_no_truth, "truth value"),
    "conditions": (_two_truths, "truth value"),
    "trip_count": (_known_and_endless, "more than 1,024 steps"),
    "state": (_keeps, "variable"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_damaged_loops_are_refused(name: str) -> None:
    model = counting()
    change, text = MUTATIONS[name]
    change(model)
    start = time.perf_counter()
    with pytest.raises(MicrogenError, match=text):
        tflite.load(write(model))
    assert time.perf_counter() - start < 5.0


def test_branches_that_call_branches_do_not_grow_without_limit() -> None:
    """Each of twenty subgraphs calls the next one twice, which comes to a million."""

    def level(number: int) -> dict[str, Any]:
        tensors = [tensor("truth", T.BOOL), tensor("x"), tensor("a"), tensor("b")]
        twice = (control(IF, (0, 1), (2,), number, number), control(IF, (0, 2), (3,), number, number))
        return subgraph(tensors, (0, 1), (3,), *twice)

    def inner(number: int) -> dict[str, Any]:
        tensors = [tensor("x"), tensor("truth", T.BOOL), tensor("a"), tensor("b")]
        made = [operator(LESS, (0, 0), (1,))]
        if number < 20:
            made += [
                control(IF, (1, 0), (2,), number + 1, number + 1),
                control(IF, (1, 2), (3,), number + 1, number + 1),
            ]
        else:
            made += [operator(ADD, (0, 0), (2,)), operator(ADD, (2, 2), (3,))]
        return subgraph(tensors, (0,), (3,), *made)

    graphs = [level(1), *(inner(number) for number in range(1, 21))]
    model = {"Version": 3, "OperatorCodes": CODES, "Buffers": [{}], "Subgraphs": graphs}
    start = time.perf_counter()
    with pytest.raises(UnsupportedError, match=r"nested more than 8 deep|more than 64"):
        tflite.load(write(model))
    assert time.perf_counter() - start < 5.0


def test_the_host_gives_up_on_an_endless_loop() -> None:
    graph = tflite.load(write(counting((1 << 31) - 1)))
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"may never end"):
        Session(graph).run([np.zeros((1, 1), np.int32)])
    assert time.perf_counter() - start < 5.0
    # It is bounded anew for each run, and a short loop ends.
    (found,) = Session(graph).run([np.full((1, 1), (1 << 31) - 3, np.int32)])
    assert found.item() == (1 << 31) - 1


def branch(then: Graph, otherwise: Graph, *types: TensorType) -> Node:
    truth = Value("truth", TensorType(DType.BOOL, ()))
    operands = [Value(f"x{i}", type_) for i, type_ in enumerate(types)]
    outputs = tuple(Value(f"y{i}", value.type) for i, value in enumerate(then.outputs))
    return Node(If(then, otherwise), (truth, *operands), outputs, "branch")


def test_the_verifier_looks_into_sub_graphs() -> None:
    same = part("same", [COUNT], lambda b, v: v)
    node = branch(same, same, COUNT)
    verify(Graph("good", [v for v in node.inputs if v], node.outputs, [node]))
    lost = Graph("lost", [Value("x", COUNT)], [Value("never", COUNT)], [])
    kept = Value("kept", COUNT)
    state = State("s", kept, kept, np.zeros(1, np.int32))
    keeps = Graph("keeps", [Value("x", COUNT)], [kept], [], [state])
    for other, text in ((lost, "never computed"), (keeps, "kept between invocations")):
        wrong = dataclasses.replace(node, op=If(same, other))
        with pytest.raises(VerifyError, match=text):
            verify(Graph("wrong", [v for v in wrong.inputs if v], wrong.outputs, [wrong]))


def test_a_loop_keeps_every_type() -> None:
    loop = While(less("goes_on", [COUNT], 0, -5), part("body", [COUNT], lambda b, v: v))
    wide = TensorType(DType.INT32, (2,))
    x, y = Value("x", wide), Value("y", wide)
    with pytest.raises(VerifyError, match="is given"):
        loop.check(Node(loop, (x,), (y,), "loop"))


def test_text_has_the_sub_graphs() -> None:
    text = to_text(MODELS["nested_float"]())
    assert text == to_text(MODELS["nested_float"]())
    assert '= While(%2, %0, %4) {condition="goes_on", body="step"}' in text
    assert '    graph "step" {' in text and '        graph "tanh" {' in text


def test_sub_graphs_are_optimized() -> None:
    twice = part("twice", [COUNT], lambda b, v: [b.add(OPS.Reshape((1,)), b.add(OPS.Reshape((1, 1)), v[0]))])
    node = branch(twice, twice, COUNT)
    graph = Graph("views", [v for v in node.inputs if v], node.outputs, [node])
    op: Any = optimize(graph).nodes[0].op
    assert [len(inner.nodes) for inner in op.graphs] == [1, 1]
    assert len(twice.nodes) == 2


def test_what_the_device_lacks_inside_is_named() -> None:
    half = TensorType(DType.FLOAT16, (4,))
    odd = part("odd", [half], lambda b, v: [b.add(Copy(), v[0])])
    node = branch(odd, odd, half)
    (_, problem) = device_problems(Graph("half", [v for v in node.inputs if v], node.outputs, [node]))
    assert "every operator of the sub-graphs" in problem and "(Copy)" in problem and "float16" in problem


def test_plans_of_sub_graphs_are_checked() -> None:
    plan = make_plan(MODELS["loop_int8"](), Target())
    check(plan)
    index = next(i for i, step in enumerate(plan.steps) if step.inner)
    for change in ({"inner": ()}, {"scratch_bytes": 8}, {"scratch_offset": plan.steps[index].scratch_offset + 8}):
        steps = list(plan.steps)
        steps[index] = dataclasses.replace(steps[index], **change)  # type: ignore[arg-type]
        with pytest.raises(PlanError):
            check(dataclasses.replace(plan, steps=tuple(steps), arena_bytes=plan.arena_bytes + 8))


def test_floats_inside_make_what_is_behind_inexact() -> None:
    def through_floats(b: GraphBuilder, v: list[Value]) -> list[Value]:
        return [b.add(OPS.Quantize(DType.INT8), b.add(OPS.Tanh(), b.add(OPS.Dequantize(), v[0])), quant=Q)]

    exact = part("exact", [IMAGE], lambda b, v: [b.add(OPS.Relu(), v[0], quant=Q)])
    for other, inexact in ((exact, False), (part("floats", [IMAGE], through_floats), True)):
        node = branch(exact, other, IMAGE)
        graph = Graph("net", [v for v in node.inputs if v], node.outputs, [node])
        assert behind_floats(graph) == (set(node.outputs) if inexact else set())
        assert make_example(graph).exact is not inexact


@pytest.mark.parametrize("name", MODELS)
def test_written_and_read_again(name: str) -> None:
    graph = MODELS[name]()
    data = exporter.save(graph)
    again = tflite.load(data)
    assert exporter.save(again) == exporter.save(tflite.load(exporter.save(again)))
    inputs = inputs_for(graph)
    for found, wanted in zip(Session(again).run(inputs), Session(graph).run(inputs), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_other_formats_say_why_not() -> None:
    with pytest.raises(VerifyError, match="sub-graphs are not written to ONNX"):
        onnx.save(MODELS["nested_float"]())


def test_the_manifest_lists_sub_graphs() -> None:
    board = load_board("mps2-an386")
    compiled = compile_graph(MODELS["branch_int8"](), board, Options(name="net"), model_file="m", sha256="0" * 64)
    (network,) = compiled.manifest["networks"]
    assert [graph["name"] for graph in network["graphs"]] == ["then", "otherwise"]
    (layer,) = [layer for layer in network["layers"] if layer["op"] == "If"]
    assert layer["graphs"] == ["graph_1", "graph_2"] and layer["macs"] == 2 * 64
    code = compiled.files["net.c"].decode()
    assert code.count("static int graph_") == 2 and "} else {" in code
    inside = {at for line, at in zip(code.split("\n"), layers_by_line(code), strict=True) if "GRAPH_1_LAYER_0)" in line}
    assert inside == {layer["index"]}, "bench gives a sub-graph's instructions to its layer"
    tables = [table["symbol"] for table in network["constants"]["tables"]]
    assert len(tables) == len(set(tables)) and any("graph_2_layer1" in symbol for symbol in tables)
