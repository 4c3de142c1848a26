"""bench --host and inspect --path: what runs where on this computer, how fast, how right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from microgen import Context, Model
from microgen.compiler import load_graph
from microgen.errors import UsageError
from microgen.hostbench import bench_host, dump_tensors
from microgen.passes import optimize
from microgen.runtime import Session
from tests.support.command import Run
from tests.support.models import test_batch


@pytest.fixture
def model(testdata: Path) -> Path:
    return testdata / "models" / "hello_world_int8.tflite"


def test_figures(model: Path) -> None:
    built = Model(model).build(Context())
    inputs = test_batch(built.graph, 4)
    (expected,) = Session(built.graph).run(inputs)
    name = built.graph.outputs[0].name
    figures = bench_host(built, inputs, loops=3, warmup=0, expected={name: expected})
    assert (figures.samples, figures.loops, len(figures.operators)) == (len(inputs[0]), 3, len(built.graph.nodes))
    assert 0 < figures.shortest <= figures.mean <= figures.longest
    assert sum(ms for _, _, ms in figures.by_type()) == pytest.approx(sum(o.milliseconds for o in figures.operators))
    assert sum(count for _, count, _ in figures.by_type()) == len(built.graph.nodes)
    (accuracy,) = figures.accuracy
    assert (accuracy.bias, accuracy.largest) == (0.0, 0.0) and accuracy.cosine == pytest.approx(1.0)
    quant = built.graph.outputs[0].type.quant
    assert quant is not None
    # Half a step off everywhere, given as real numbers.
    shifted = (expected.astype(np.float64) - quant.zero_point + 0.5) * quant.scale
    (accuracy,) = bench_host(built, inputs, loops=1, warmup=0, expected={name: shifted}).accuracy
    assert accuracy.largest == pytest.approx(0.5 * quant.scale)
    assert accuracy.bias == pytest.approx(0.5 * quant.scale / np.abs(shifted).mean())


def test_dump(model: Path, tmp_path: Path) -> None:
    built = Model(model).build()
    inputs = test_batch(built.graph, 2)
    assert dump_tensors(built, inputs, tmp_path / "d") == len(built.graph.nodes)
    values = Session(built.graph).run_all(inputs)
    lines = (tmp_path / "d" / "index.tsv").read_text().splitlines()[1:]
    for line, node in zip(lines, built.graph.nodes, strict=True):
        file, _, op, path = line.split("\t")
        assert (op, path) == (node.op.name, "reference")
        np.testing.assert_array_equal(np.load(tmp_path / "d" / file), values[node.output])


def test_command(model: Path, tmp_path: Path, microgen: Run) -> None:
    graph = optimize(load_graph(model))
    x = np.arange(-5, 5, dtype=np.int8).reshape(-1, 1)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", Session(graph).run([x.reshape(-1, 1, 1)])[0])
    np.save(tmp_path / "wrong.npy", np.zeros((10, 1), np.int8))
    files = ("--input", tmp_path / "x.npy", "--expected")
    common = ("bench", model, "--host", "--loops", 2, "--max-bias", 0.001, "--min-cosine", 0.999)
    outcome = microgen(*common, *files, tmp_path / "y.npy", "--dump", tmp_path / "d", "--json", "-")
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert result["within_thresholds"] and result["samples"] == 10 and result["loops"] == 2
    assert len(list((tmp_path / "d").glob("*.npy"))) == len(graph.nodes)
    outcome = microgen(*common, *files, tmp_path / "wrong.npy")
    assert outcome.code == 1 and "Beyond the threshold" in outcome.out
    for arguments, message in (
        (("bench", model, "--loops", 3), "needs --host"),
        (("bench", model, "--host", "--board", "mps2-an386"), "exclude"),
        (("bench", model, "--host", "--max-bias", 1), "needs --expected"),
        (("bench", model, "--host", "--path", "warp"), "unknown path 'warp'"),
        (
            (*common, "--input", tmp_path / "x.npy", "--expected", tmp_path / "x.npy", "--dump", tmp_path),
            "empty folder",
        ),
        (("inspect", model, "--path", "warp"), "unknown path 'warp'"),
    ):
        outcome = microgen(*arguments)
        assert outcome.code == 2, arguments
        assert message in outcome.err and len(outcome.err.strip().splitlines()) == 1, outcome.err


def test_inspect_says_who_runs_what(model: Path, microgen: Run) -> None:
    result = json.loads(microgen("inspect", model, "--path", "c", "--json", "-").out)
    assert [entry["path"] for entry in result["paths"]] == ["c"] * 3 and result["parts"] == 1


def test_a_model_is_prepared_as_by_compile(model: Path, tmp_path: Path, microgen: Run) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    ports = [helper.make_tensor_value_info(name, 1, ["n", "m"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Tanh", ["x"], ["y"])], "g", ports[:1], ports[1:])
    source = tmp_path / "open.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), source)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(8, 1, 6)).astype(np.float32))
    host = ("bench", source, "--host", "--loops", 1, "--input-shape", "x:1,6", "--json", "-")
    outcome = microgen(*host)
    assert outcome.code == 0 and [o["op"] for o in json.loads(outcome.out)["operators"]] == ["Tanh"]
    outcome = microgen(*host, "--calibration", tmp_path / "x.npy", "--dump", tmp_path / "d")
    assert outcome.code == 0 and np.load(tmp_path / "d" / "000_0.npy").dtype == np.int8
    for arguments, message in (
        (("--kernels", "portable"), "--input-shape, --calibration"),
        (("--baseline", "b"), "--baseline"),
    ):
        outcome = microgen("bench", model, "--host", *arguments)
        assert outcome.code == 2 and message in outcome.err, outcome.err


def test_what_cannot_be_written_is_said_before_measuring(model: Path, tmp_path: Path, microgen: Run) -> None:
    (tmp_path / "x.npy").touch()
    outcome = microgen("bench", model, "--host", "--loops", 10**9, "--dump", tmp_path / "x.npy")
    assert outcome.code == 2


def test_json_has_no_number_for_what_is_none(model: Path, tmp_path: Path, microgen: Run) -> None:
    np.save(tmp_path / "y.npy", np.full((1, 1), np.nan, np.float32))
    common = ("bench", model, "--host", "--loops", 1, "--expected", tmp_path / "y.npy", "--max-bias", 1)
    outcome = microgen(*common, "--json", "-")
    assert outcome.code == 1
    result = json.loads(outcome.out, parse_constant=pytest.fail)
    assert result["accuracy"][0]["cosine"] is None and not result["within_thresholds"]


def test_loops_that_measure_nothing(model: Path) -> None:
    built = Model(model).build()
    with pytest.raises(UsageError, match="0 runs"):
        bench_host(built, test_batch(built.graph, 1), loops=0)
