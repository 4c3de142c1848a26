"""docs/paths.md's table of accuracies, computed again where that is quick; and the benchmark's script.

The lines of the other exact paths are compared with the reference's: test_paths_agree.py and test_device.py compare
those paths byte for byte.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import paths as benchmark
from tools import update_paths_doc as tool


@pytest.fixture(scope="module")
def lines(repository: Path) -> dict[str, list[str]]:
    """The table's cells by the first one."""
    text = (repository / "docs" / "paths.md").read_text(encoding="utf-8")
    table = text.split(tool.BEGIN)[1].split(tool.END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def test_the_accuracies_are_those_of_the_page(testdata: Path, lines: dict[str, list[str]], host_gcc: str) -> None:
    pytest.importorskip("onnxruntime")
    int8 = tool.accuracies(testdata, tool.INT8, ("reference", "c", "cpu"))
    hybrid = tool.accuracies(testdata, tool.HYBRID, ("reference", "c"))
    for path in ("reference", "c"):
        real = tool.cells(hybrid[path], hybrid["reference"])[::2]
        now = [*tool.cells(int8[path], int8["reference"]), *real]
        assert lines[f"`{path}`"] == now, "run tools/update_paths_doc.py"
    # Its integers depend on the processor's instructions: how many samples are the same is no constant.
    assert abs(int8["cpu"].value * 100 - float(lines["`cpu`"][0].rstrip("%"))) <= 1.0
    reference = lines["`reference`"]
    names = [tool.BOARDS.get(path, f"`{path}`") for path in tool.PATHS[tool.INT8]]
    assert list(lines) == names
    for path, name in zip(tool.PATHS[tool.INT8], names, strict=True):
        if path in tool.EXACT:
            assert lines[name][:3] == reference[:3]
            assert lines[name][3:] == (reference[3:] if path in tool.PATHS[tool.HYBRID] else ["—", "—"])


def test_the_benchmark_measures_and_checks(
    testdata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is ready for a CUDA device, on the processor."""
    pytest.importorskip("torch")
    monkeypatch.setenv("MICROGEN_TESTDATA", str(testdata))
    figures = tmp_path / "figures.json"
    options = ["--models", "hello_world_int8,hello_world_float", "--paths", "gpu", "--threads", "1"]
    options += ["--batches", "1,600", "--seconds", "0", "--json", str(figures), "--markdown", str(tmp_path / "t.md")]
    assert benchmark.main(options) == 0
    found = json.loads(figures.read_text())
    assert "CUDA" in found["device"]
    rows = {(row["model"], row["path"], row["batch"]): row for row in found["rows"]}
    # Above the largest batch of the reference path its time for one sample is taken from the batch before.
    assert len(rows) == 6 and all(row["agrees"] and row["microseconds"] > 0 for row in rows.values())
    table = (tmp_path / "t.md").read_text()
    assert table in capsys.readouterr().out
    assert "| hello_world_int8 | `reference` | 1 |" in table and "| batch 1 | batch 600 |" in table
    # What does not agree is not passed over.
    monkeypatch.setattr(benchmark, "agrees", lambda found, expected: False)
    assert benchmark.main([*options[:6], "--batches", "1", "--seconds", "0"]) == 1
