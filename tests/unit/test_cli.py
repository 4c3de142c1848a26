"""The command line: exit codes, one clear line for bad input, JSON with stable keys, nothing half-written."""

from __future__ import annotations

import json
import xml.dom.minidom
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tflite
from onnx import helper

from microgen.exporters.tflite import save
from microgen.mindir import Graph, Node
from microgen.ops.conv2d import Conv2D
from tests.support.command import Outcome, Run
from tests.support.tflite_file import write


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small convolution as a .tflite file."""
    path = tmp_path / "small model.tflite"
    path.write_bytes(save(next(iter(Conv2D.samples())).graph))
    return path


def one_line(outcome: Outcome, *words: str, code: int = 2) -> None:
    assert outcome.code == code, outcome
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0], lines[0]


def bad_files() -> dict[str, bytes]:
    good = save(next(iter(Conv2D.samples())).graph)
    random = np.random.default_rng(5).integers(0, 256, 4000, dtype=np.uint8).tobytes()
    return {
        "empty": b"",
        "text": b"hello, I am a model\n" * 20,
        "random": random,
        "random with identifier": random[:4] + b"TFL3" + random[8:],
        "truncated to 6 bytes": good[:6],
        "truncated in half": good[: len(good) // 2],
        "truncated by one byte": good[:-1],
        "onnx-like": b"\x08\x07\x12\x04test" + bytes(40),
    }


@pytest.mark.parametrize("command", ["compile", "inspect", "verify", "bench"])
@pytest.mark.parametrize("kind", bad_files())
def test_bad_model_files(command: str, kind: str, microgen: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(bad_files()[kind])
    options = {"compile": ["--board", "mps2-an386", "-o", tmp_path / "out"], "inspect": []}
    outcome = microgen(command, path, *options.get(command, ["--board", "mps2-an386"]))
    if kind == "truncated by one byte" and outcome.code == 0:
        return  # the last byte may be padding
    one_line(outcome, "bad.tflite")
    assert not (tmp_path / "out").exists()


def test_a_folder_a_missing_file_and_an_unreadable_one(microgen: Run, tmp_path: Path) -> None:
    one_line(microgen("inspect", tmp_path), "is a folder")
    one_line(microgen("inspect", tmp_path / "none.tflite"), "cannot be read")
    one_line(microgen("inspect", "/dev/null"), "/dev/null")


def test_unknown_board_names_near_ones(microgen: Run, model: Path, tmp_path: Path) -> None:
    one_line(microgen("compile", model, "--board", "mps2-an368", "-o", tmp_path / "o"), "mps2-an386")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["compile"],
        ["compile", "x.tflite"],
        ["inspect", "x", "y"],
        ["inspect", "--nonsense", "x"],
        ["compile", "x.tflite", "--board", "mps2-an386", "-o", "o", "--max-ram", "lots"],
        ["compile", "x.tflite", "--board", "mps2-an386", "-o", "o", "--kernels", "fast"],
        ["verify", "x.tflite", "--board", "mps2-an386", "--samples", "-3"],
        ["verify", "x.tflite", "--board", ","],
    ],
)
def test_usage_errors_exit_with_2(arguments: list[str], microgen: Run) -> None:
    outcome = microgen(*arguments)
    assert outcome.code == 2
    assert outcome.err


@pytest.mark.parametrize("name", ["1x", "a b", "a;b", "x" * 60, "", "int", "ä"])
def test_names_that_cannot_prefix_c(name: str, microgen: Run, model: Path, tmp_path: Path) -> None:
    one_line(microgen("compile", model, "--board", "mps2-an386", "-o", tmp_path / "o", "--name", name), "--name")


def test_unknown_project_writer(microgen: Run, model: Path, tmp_path: Path) -> None:
    outcome = microgen("compile", model, "--board", "mps2-an386", "-o", tmp_path / "o", "--project", "make,vim")
    one_line(outcome, "vim", "make", "iar")


def test_output_that_is_not_ours(microgen: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "thesis.txt").write_text("years")
    one_line(microgen("compile", model, "--board", "mps2-an386", "-o", tmp_path / "o"), "left alone")
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["thesis.txt"]


def onnx_file(path: Path, *nodes: onnx.NodeProto, output: str) -> Path:
    """A model of one float input ``x`` [1, 3, 4] whose output has this name."""
    ports = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 4])]
    results = [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)]
    onnx.save(helper.make_model(helper.make_graph(nodes, "test", ports, results)), path)
    return path


def test_every_unsupported_layer_is_listed(microgen: Run, tmp_path: Path) -> None:
    path = onnx_file(
        tmp_path / "audio.onnx",
        helper.make_node("Unique", ["x"], ["a"], name="first"),
        helper.make_node("Relu", ["x"], ["b"], name="good"),
        helper.make_node("NoSuchThing", ["b"], ["c"], name="second"),
        output="c",
    )
    for command in (["inspect", path], ["compile", path, "--board", "mps2-an386", "-o", tmp_path / "out"]):
        outcome = microgen(*command)
        assert outcome.code == 2
        assert "2 layers are not supported" in outcome.err
        assert "(Unique)" in outcome.err and "(NoSuchThing)" in outcome.err and "Relu" not in outcome.err


def test_layers_for_the_host_alone_are_listed(microgen: Run, tmp_path: Path) -> None:
    k = helper.make_tensor("k", onnx.TensorProto.INT64, [1], [2])
    path = onnx_file(
        tmp_path / "best.onnx",
        helper.make_node("Constant", [], ["k"], value=k),
        helper.make_node("TopK", ["x", "k"], ["best", "places"], name="top"),
        helper.make_node("Relu", ["best"], ["y"]),
        output="y",
    )
    outcome = microgen("inspect", path)
    assert outcome.code == 2 and "TopK" in outcome.out
    assert "1 layer is not supported" in outcome.err and "(TopK)" in outcome.err
    assert microgen("compile", path, "--board", "mps2-an386", "-o", tmp_path / "out").code == 2


def test_compile_is_deterministic_and_json_is_alone_on_stdout(microgen: Run, model: Path, tmp_path: Path) -> None:
    outcomes = []
    for name in ("one", "two"):
        outcome = microgen("compile", model, "--board", "mps2-an386", "-o", tmp_path / name, "--project", "make,iar",
                           "--json", "-")  # fmt: skip
        assert outcome.code == 0, outcome
        outcomes.append(json.loads(outcome.out))
    assert {"folder", "name", "board", "macs", "arena", "constants", "files"} <= set(outcomes[0])
    files = [sorted(p for p in (tmp_path / n).rglob("*") if p.is_file()) for n in ("one", "two")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]


def test_json_file_that_cannot_be_written(microgen: Run, tmp_path: Path) -> None:
    one_line(microgen("boards", "--json", tmp_path / "no" / "x.json"), "cannot be written")


def test_boards_and_inspect(microgen: Run, model: Path) -> None:
    outcome = microgen("boards", "--json", "-")
    assert {b["name"] for b in json.loads(outcome.out)["boards"]} >= {"mps2-an385", "mps3-an547"}
    outcome = microgen("inspect", model)
    assert outcome.code == 0
    assert "Conv2D" in outcome.out
    assert "1 layers" in outcome.out or "1 layer" in outcome.out


@pytest.mark.cross
def test_build_and_run(microgen: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "a folder"
    assert microgen("compile", model, "--board", "mps2-an386", "-o", out).code == 0
    built = microgen("build", out, "--json", "-")
    assert built.code == 0, built
    figures = json.loads(built.out)
    assert figures["flash"]["code"] > 0
    assert figures["ram"]["arena"] > 0
    np.save(tmp_path / "x.npy", np.zeros((3, 1, 5, 6, 3), np.float32))
    ran = microgen("run", out, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npz", "--json", "-")
    assert ran.code == 0, ran
    assert json.loads(ran.out)["samples"] == 3
    with np.load(tmp_path / "y.npz") as results:
        (array,) = results.values()
        assert array.shape[:2] == (3, 1)
        np.testing.assert_array_equal(array[0], array[1])


@pytest.mark.cross
def test_run_with_bad_input_files(microgen: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert microgen("compile", model, "--board", "mps2-an386", "-o", out).code == 0
    np.save(tmp_path / "shape.npy", np.zeros((3, 4), np.int8))
    np.save(tmp_path / "nan.npy", np.full((1, 5, 6, 3), np.nan, np.float32))
    np.save(tmp_path / "big.npy", np.full((1, 5, 6, 3), 300))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "names.npz", a=np.zeros(3), b=np.zeros(3))
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "shape.npy").read_bytes()[:40])
    for name in ("shape.npy", "nan.npy", "big.npy", "object.npy", "names.npz", "text.npy", "cut.npy", "none.npy"):
        one_line(microgen("run", out, "--input", tmp_path / name, "--output", tmp_path / "y.npz"), name)
        assert not (tmp_path / "y.npz").exists()
    np.save(tmp_path / "good.npy", np.zeros((1, 5, 6, 3), np.int8))
    one_line(microgen("run", out, "--input", tmp_path / "good.npy", "--output", tmp_path / "y.txt"), ".npz")
    one_line(microgen("run", out, "--input", tmp_path / "good.npy", "--output", tmp_path / "no" / "y.npz"), "written")
    one_line(microgen("run", tmp_path, "--input", tmp_path / "good.npy"), "manifest.json")


HOSTILE = (
    '*/ #include "/etc/passwd"\n#error "',
    "$(touch owned) `id` %s \\",
    "<script>&amp;'\"</script>]]>",
    "??/\r\n\t\x1b[31m 日本",
)


@pytest.mark.cross
def test_hostile_names_give_a_correct_project(microgen: Run, tmp_path: Path) -> None:
    graph = next(iter(Conv2D.samples())).graph
    node = graph.nodes[0]
    renamed = {v: replace(v, name=name) for v, name in zip((*node.inputs, node.output), HOSTILE, strict=True) if v}
    inputs = tuple(renamed[v] for v in node.inputs if v)
    hostile = Node(node.op, inputs, (renamed[node.output],), "x")
    path = tmp_path / "*; $(touch owned) '.tflite"
    path.write_bytes(save(Graph("g", inputs[:1], hostile.outputs, [hostile])))
    out = tmp_path / "out"
    assert microgen("compile", path, "--board", "mps2-an386", "-o", out, "--project", "make,iar").code == 0
    for name in out.rglob("*.ew*"):
        xml.dom.minidom.parse(str(name))
    outcome = microgen("verify", path, "--board", "mps2-an386", "--samples", "2")
    assert outcome.code == 0, outcome
    assert not list(tmp_path.rglob("owned"))
    assert "\x1b" not in microgen("inspect", path).out


def conv_file(**quantization: object) -> dict[str, Any]:
    """A model description with one QUANTIZE whose input has the given quantization."""
    tensor = {"Shape": np.array([1, 4], np.int32), "Type": tflite.TensorType.INT8, "Buffer": 0, "Name": "x"}
    good = {"Scale": np.array([0.5], np.float32), "ZeroPoint": np.array([0], np.int64)}
    return {
        "Version": 3,
        "Buffers": [{}],
        "OperatorCodes": [{"BuiltinCode": tflite.BuiltinOperator.QUANTIZE, "DeprecatedBuiltinCode": 114}],
        "Subgraphs": [
            {
                "Tensors": [{**tensor, "Quantization": {**good, **quantization}}, {**tensor, "Quantization": good}],
                "Inputs": np.array([0], np.int32),
                "Outputs": np.array([1], np.int32),
                "Operators": [
                    {"OpcodeIndex": 0, "Inputs": np.array([0], np.int32), "Outputs": np.array([1], np.int32)}
                ],
            }
        ],
    }


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_impossible_scales(scale: float, microgen: Run, tmp_path: Path) -> None:
    path = tmp_path / "scale.tflite"
    path.write_bytes(write(conv_file(Scale=np.array([scale], np.float32))))
    one_line(microgen("compile", path, "--board", "mps2-an386", "-o", tmp_path / "o"), "'x'", "scale")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("shape", [[1, -4], [0, 4], [2**31 - 1, 2**31 - 1]])
def test_impossible_shapes(shape: list[int], microgen: Run, tmp_path: Path) -> None:
    description = conv_file()
    description["Subgraphs"][0]["Tensors"][0]["Shape"] = np.array(shape, np.int32)
    path = tmp_path / "shape.tflite"
    path.write_bytes(write(description))
    one_line(microgen("inspect", path), "shape.tflite")


@pytest.mark.cross
def test_limits_are_checked_again_when_the_code_is_built(microgen: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert microgen("compile", model, "--board", "mps2-an386", "-o", out, "--max-flash", "1K").code == 0
    one_line(microgen("build", out), "bytes of flash, --max-flash allows 1,024", code=1)
    out = tmp_path / "enough"
    assert (
        microgen("compile", model, "--board", "mps2-an386", "-o", out, "--max-flash", "64K", "--max-ram", "2K").code
        == 0
    )
    assert microgen("build", out).code == 0
