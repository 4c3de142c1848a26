"""The TOSA route without its tools: what is missing or damaged is said, with what to do."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

from microgen import tosa
from microgen.errors import InputError, ToolMissing, UnsupportedError
from microgen.ops.registry import operators
from microgen.tosa import environment, tools
from tests.support.command import Run

WORKER = Path(tools.__file__).parent / "child" / "worker.py"


def stand_in(folder: Path, script: str) -> Path:
    """A program in the place of the tools' Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_without_the_tools_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, microgen: Run, digits_model: Path
) -> None:
    monkeypatch.delenv(tosa.TOSA_PYTHON, raising=False)
    monkeypatch.setattr(environment, "MODULES", ("tosa_reference_model", "no_such_module"))
    with pytest.raises(ToolMissing, match="not installed") as refusal:
        tosa.convert(b"")
    assert "pip install tosa-tools tosa-converter-for-tflite" in refusal.value.hint
    assert "python3 -m venv" in refusal.value.hint and tosa.TOSA_PYTHON in refusal.value.hint
    outcome = microgen("inspect", digits_model, "--path", "tosa")
    assert outcome.code == 3 and "tosa-converter-for-tflite" in outcome.err, outcome


def test_this_python_serves_where_it_has_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tosa.TOSA_PYTHON, raising=False)
    monkeypatch.setattr(environment, "MODULES", ("numpy",))
    assert tosa.find_python() == Path(sys.executable)


def test_a_python_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(tosa.TOSA_PYTHON, str(tmp_path / "gone" / "python"))
    with pytest.raises(ToolMissing, match="which is no file"):
        tosa.execute(b"", [np.zeros((1, 2), np.int8)])


def test_a_file_that_is_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("")
    monkeypatch.setenv(tosa.TOSA_PYTHON, str(path))
    with pytest.raises(ToolMissing, match="does not start"):
        tosa.convert(b"")


def test_a_python_without_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running one: the worker itself finds that they are not there."""
    if environment.find_spec("tosa_converter_for_tflite") is not None:
        pytest.skip("the TOSA tools are installed here")
    monkeypatch.setenv(tosa.TOSA_PYTHON, sys.executable)
    with pytest.raises(ToolMissing, match="No module named 'tosa_converter_for_tflite'") as refusal:
        tosa.convert(b"")
    assert "pip install tosa-tools" in refusal.value.hint


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("echo first >&2; echo 'what it says' >&2; exit 3", UnsupportedError, "what it says"),
        ("kill -ABRT $$", InputError, "status -6: no message"),
        ("exit 1", InputError, "status 1: no message"),
    ],
)
def test_tools_that_refuse_or_crash(
    script: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(tosa.TOSA_PYTHON, str(stand_in(tmp_path, script)))
    with pytest.raises(error, match=message):
        tosa.convert(b"")


@pytest.mark.parametrize("script", ["exit 0", 'echo rubbish > "$4/outputs.npz"', 'cp "$4/model.tosa" "$4/outputs.npz"'])
def test_results_that_are_none(script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(tosa.TOSA_PYTHON, str(stand_in(tmp_path, script)))
    with pytest.raises(InputError, match="left no result"):
        tosa.execute(b"PK\3\4 and no more", [np.zeros((1, 2), np.int8)])
    if script == "exit 0":
        with pytest.raises(InputError, match="left no result"):
            tosa.convert(b"")


def test_tools_that_never_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(tosa.TOSA_PYTHON, str(stand_in(tmp_path, "exec sleep 60")))
    monkeypatch.setattr(tools, "_SECONDS", 0.2)
    with pytest.raises(InputError, match="not finished"):
        tosa.convert(b"")


def test_the_worker_needs_nothing_of_ours() -> None:
    """The Python that executes it has no microgen."""
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(WORKER.read_text()))
        for name in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names - set(sys.stdlib_module_names) == {"numpy", "tosa_converter_for_tflite", "tosa_reference_model"}


def test_claims_give_reasons() -> None:
    reasons = {tosa.refusal(s.graph.nodes[0]) for o in operators() for s in o.samples()}
    wanted = (
        "drops the activation",
        "with steps",
        "no beta",
        "different scales",
        "above the output's",
        "quantized int8",
    )
    assert "" in reasons
    for part in wanted:
        assert any(part in reason for reason in reasons), part
