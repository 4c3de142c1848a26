"""A model may have no inputs, only constants: every tool runs it once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Run


@pytest.mark.cross
def test_every_tool(tmp_path: Path, microgen: Run) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Relu", ["c"], ["y"])],
        "constant",
        [],
        [helper.make_tensor_value_info("y", 1, [2])],
        [helper.make_tensor("c", 1, [2], [1.0, -2.0])],
    )
    model = tmp_path / "constant.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), model)
    board = ("--board", "mps2-an386")
    outcome = microgen("bench", model, "--host", "--loops", 1, "--json", "-")
    assert outcome.code == 0 and json.loads(outcome.out)["samples"] == 1
    outcome = microgen("compare", model, "--paths", "qemu:mps2-an386", "--json", "-")
    assert outcome.code == 0 and json.loads(outcome.out)["samples"] == 1
    assert microgen("verify", model, *board).code == 0
    assert microgen("report", model, *board, "--no-measure", "-o", tmp_path / "r.html").code == 0
