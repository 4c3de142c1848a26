"""Attribution of instructions to layers, the tables of ``microgen bench`` and the comparison with an earlier run."""

from __future__ import annotations

import copy
import datetime
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import run
from benchmarks.record import BOARDS, MODELS, Record
from microgen import benchtables, cli
from microgen.bench import Figures, Layer, layers_by_line
from microgen.boards import load_board
from microgen.cli.output import Report
from microgen.compiler import compile_model
from microgen.errors import InputError
from microgen.target.counting import Event
from microgen.target.layers import attribute


def run_of(*steps: tuple[int | None, int]) -> dict[int | None, int]:
    """Attribution of steps (layer of the instruction, instructions until the next of the body)."""
    counts = itertools.accumulate((count for _, count in steps), initial=1000)
    events = [Event(100 + 2 * i, count) for i, count in enumerate(counts)]
    return attribute(events, lambda address: steps[(address - 100) // 2][0])


def test_layers_begin_with_their_calls() -> None:
    # prologue, call of layer 0, result checked, argument of layer 1, its call, epilogue
    assert run_of((None, 1), (None, 1), (0, 1), (0, 50), (0, 1), (1, 1), (1, 70), (None, 1)) == {0: 55, 1: 71}


def test_arguments_computed_ahead_begin_no_layer() -> None:
    assert run_of((2, 1), (0, 1), (0, 50), (2, 1), (1, 1), (1, 60), (2, 1), (2, 70)) == {0: 54, 1: 61, 2: 70}


def test_several_calls_of_a_layer_add_up() -> None:
    assert run_of((0, 1), (0, 10), (0, 1), (0, 20), (1, 30)) == {0: 32, 1: 30}


def test_a_layer_whose_kernel_was_inlined_begins_behind_those_before_it() -> None:
    # Layer 1 never calls. Its first instruction was moved in front of layer 0's call: that begins nothing.
    assert run_of((0, 1), (1, 1), (0, 50), (1, 1), (1, 1), (1, 1), (2, 1), (2, 60)) == {0: 52, 1: 4, 2: 60}
    assert run_of((0, 1), (0, 1), (1, 1), (1, 1)) == {0: 2, 1: 2}


def test_a_model_without_calls_has_instructions_of_no_layer() -> None:
    assert run_of((None, 1), (None, 1), (None, 1)) == {None: 3}


def test_calls_of_unknown_origin_stay_with_the_layer_that_runs() -> None:
    assert run_of((0, 10), (None, 30), (1, 10)) == {0: 40, 1: 10}


@given(st.lists(st.tuples(st.none() | st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=40))
def test_figures_always_add_up(steps: list[tuple[int | None, int]]) -> None:
    figures = run_of(*steps)
    assert sum(figures.values()) == sum(count for _, count in steps)
    assert None not in figures or len(figures) == 1


def test_lines_of_the_generated_code_belong_to_its_layers(digits_model: Path) -> None:
    compiled = compile_model(digits_model, load_board("mps2-an386"))
    source = compiled.files[f"{compiled.name}.c"].decode()
    layers = layers_by_line(source)
    lines = source.split("\n")
    assert len(layers) == len(lines)
    for index, step in enumerate(compiled.plan.steps):
        block = "\n".join(line for line, layer in zip(lines, layers, strict=True) if layer == index)
        assert f"/* {index}. {step.node.op.name}" in block
        for call in step.calls:
            assert block.count(f"{call.function}(") == sum(c.function == call.function for c in step.calls)
    outside = "\n".join(line for line, layer in zip(lines, layers, strict=True) if layer is None)
    assert f"int {compiled.name}_invoke(" in outside and "_status_str(int status)" in outside


def figures(board: str = "mps2-an386", scale: int = 1) -> Figures:
    layers = (
        Layer(0, "model/conv_1/Relu;model/batch_normalization/FusedBatchNorm", "Conv2D", "arm_a", 1000, 5000 * scale),
        Layer(1, "model/a_name_that_is_longer_than_any_column/Relu", "DepthwiseConv2D", "arm_b", 100, 900 * scale),
        Layer(2, "model/conv_2", "Conv2D", "arm_a", 7_000_000, 35_000_000 * scale),
        Layer(3, "model/flatten", "Reshape", "view", 0, 0),
    )
    total = sum(layer.instructions for layer in layers)
    return Figures(board, True, total, 7_001_100, 20_000, 220_000, 55_000, 0, 700, layers, 0, "m", "gcc", "qemu")


def test_figures_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(AssertionError):
        Figures("b", True, 2, 0, 0, 0, 0, 0, 0, (Layer(0, "x", "Conv2D", "k", 1, 1),), 0, "m", "gcc", "qemu")


def test_table_by_operator() -> None:
    columns, rows = benchtables.by_operator([figures(), figures("mps3-an547", 2)])
    assert [c[0] for c in columns] == ["operator", "layers", "MACs", "mps2-an386", "/MAC", "share",
                                       "mps3-an547", "/MAC", "share"]  # fmt: skip
    assert rows == [
        ["Conv2D", "2", "7,001,000", "35,005,000", "5.00", "100.0%", "70,010,000", "10.00", "100.0%"],
        ["DepthwiseConv2D", "1", "100", "900", "9.00", "0.0%", "1,800", "18.00", "0.0%"],
        ["Reshape", "1", "0", "0", "-", "0.0%", "0", "-", "0.0%"],
    ]


def test_table_by_layer() -> None:
    _, rows = benchtables.by_layer([figures()])
    assert rows[0] == ["0", "model/conv_1/Relu", "Conv2D", "1,000", "5,000", "5.00", "0.0%"]
    assert rows[1][1] == "…er_than_any_column/Relu"
    assert rows[3][4:] == ["0", "-", "0.0%"]


@pytest.mark.parametrize("boards", [1, 2, 3, 5])
def test_tables_fit_into_100_columns_and_show_every_board(boards: int, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"][:boards]
    all_figures = [figures(name) for name in names]
    report = Report(None)
    report.table(*benchtables.summary(all_figures))
    for group in benchtables.groups(all_figures):
        report.table(*benchtables.by_layer(group))
        report.table(*benchtables.by_operator(group))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    assert all(text.count(name) == 3 for name in names)
    assert text.count("35,000,000") == boards  # no figure is cut or folded


def test_boards_with_other_layers_stand_in_tables_of_their_own() -> None:
    one = figures()
    merged = replace(one.layers[1], instructions=one.instructions)
    other = replace(figures("mps3-an547"), layers=(merged,))
    assert [[f.board for f in g] for g in benchtables.groups([one, one, other, one])] == [
        ["mps2-an386", "mps2-an386"],
        ["mps3-an547"],
        ["mps2-an386"],
    ]


def results(scale: int = 1) -> list[dict[str, Any]]:
    return [figures(scale=scale).as_json("m.tflite"), figures("mps3-an547").as_json("m.tflite")]


def test_differences_absolute_and_in_percent() -> None:
    found = benchtables.differences(results(), results(scale=2))
    total = found[0]
    assert (total.board, total.figure, total.before, total.now) == (
        "mps2-an386",
        "instructions",
        35_005_900,
        70_011_800,
    )
    assert total.absolute == 35_005_900 and total.percent == 100.0
    assert total.cells() == ["mps2-an386", "instructions", "35,005,900", "70,011,800", "+35,005,900", "+100.00%"]
    changed = {d.figure.split()[1] for d in found if d.figure.startswith("layer") and d.absolute}
    assert changed == {"0", "1", "2"}
    shown = benchtables.changed_rows(found)
    assert len(shown) == 6 + 3 + 6
    assert ["mps3-an547", "stack", "700", "700", "+0", "+0.00%"] in shown


def test_missing_layers_and_boards_are_said() -> None:
    before, now = results(), results()[:1]
    now[0]["layers"][1]["name"] = "renamed"
    now[0]["flash"]["code"] = 0
    found = benchtables.differences(before, now)
    rows = benchtables.changed_rows(found)
    assert ["mps2-an386", "layer 1 renamed", "missing", "900", "-", "-"] in rows
    assert ["mps2-an386", "layer 1 …er_than_any_column/Relu", "900", "missing", "-", "-"] in rows
    assert ["mps3-an547", "code", "20,000", "missing", "-", "-"] in rows
    assert ["mps2-an386", "code", "20,000", "0", "-20,000", "-100.00%"] in rows
    assert json.loads(json.dumps([d.as_json() for d in found]))[0]["absolute"] == 0


def test_results_without_layer_figures_can_be_a_baseline(tmp_path: Path) -> None:
    old = results()
    for layer in old[0]["layers"]:
        del layer["instructions"]
    (tmp_path / "old.json").write_text(json.dumps({"results": old}))
    found = benchtables.differences(benchtables.load_results(tmp_path / "old.json"), results())
    assert [d.before for d in found if d.figure.startswith("layer 0")] == [None, 5000]


def broken(path: tuple[Any, ...], value: Any) -> str:
    content: Any = {"results": copy.deepcopy(results())}
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"results": 3}', '{"results": [3]}', '{"results": [{}]}', "\udcff",
     broken(("results", 0, "instructions"), "many"), broken(("results", 0, "flash"), []),
     broken(("results", 0, "board"), None), broken(("results", 0, "layers"), [{"instructions": 1}]),
     broken(("results", 0, "layers", 0, "instructions"), "x")],
)  # fmt: skip
def test_files_that_are_no_results(tmp_path: Path, text: str) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match="holds no results of microgen bench"):
        benchtables.load_results(path)


def test_a_baseline_that_cannot_be_read_is_one_clear_line(
    digits_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", str(digits_model), "--board", "mps2-an386", "--baseline", str(tmp_path / "absent.json")])
    assert stopped.value.code == 2
    assert "absent.json: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "width", "short"),
    [("a/b", 10, "a/b"), ("a/b;c/d", 10, "a/b"), ("0123456789", 10, "0123456789"), ("0123456789x", 10, "…23456789x"),
     ("", 5, "")],
)  # fmt: skip
def test_names_are_shortened(name: str, width: int, short: str) -> None:
    assert benchtables.shorten(name, width) == short


def test_page_of_benchmarks() -> None:
    one, two = Record(1000, 20, 30, 40, 2, 50), Record(3000, 21, 31, 41, 0, 51)
    results = run.Results({("KWS", "M4F"): one, ("KWS", "M55"): two, ("AD", "M4F"): two}, {}, {"KWS": 100, "AD": 10})
    results.figures = figures()
    page = run.document(results, ["M4F", "M55"], datetime.date(2030, 1, 2))
    assert "- Date: 2030-01-02" in page and "- gcc" in page and "- qemu" in page and "CMSIS-NN" not in page
    assert "| instructions | M4F | M55 |\n|---|---:|---:|\n| KWS | 1,000 | 3,000 |\n| AD | 3,000 | - |\n" in page
    assert "| per MAC | M4F | M55 |\n|---|---:|---:|\n| KWS | 10.00 | 30.00 |\n| AD | 300.00 | - |\n" in page
    assert "| RAM | M4F | M55 |\n|---|---:|---:|\n| KWS | 42 | 41 |\n" in page

    results.theirs = {("AD", "M55"): one}
    results.cmsis_nn, results.problems = "v7.0", ["KWS on M4F with CMSIS-NN: BuildError: no"]
    page = run.document(results, ["M4F", "M55"], datetime.date(2030, 1, 2))
    assert "- CMSIS-NN v7.0, built with the same flags in the same run" in page
    assert "| code, CMSIS-NN | M4F | M55 |\n|---|---:|---:|\n| KWS | - | - |\n| AD | - | 20 |\n" in page
    assert "## Not measured\n\n- KWS on M4F with CMSIS-NN: BuildError: no" in page


def test_choice_of_models_and_boards() -> None:
    assert run.choose("M55,M3", BOARDS, "boards") == ["M3", "M55"]
    assert run.choose("", MODELS, "models") == list(MODELS)
    with pytest.raises(SystemExit, match=r"unknown boards: M99\. Use some of M3,"):
        run.choose("M3,M99", BOARDS, "boards")
