"""Rolled-up recurrent layers on the boards: every layer of every step."""

from __future__ import annotations

from pathlib import Path

import pytest

from microgen.boards import load_board
from microgen.compiler import Options, compile_model
from microgen.project import write_project
from microgen.target.toolchain import build_project, measure_model, model_objects
from microgen.verification import verify_board

DATA = Path(__file__).parent.parent / "data" / "recurrent"


@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
@pytest.mark.parametrize("name", ["lstm_unrolled_int8", "gru_unrolled_int8", "lstm_loop", "gru_unrolled"])
def test_every_layer(name: str, board: str) -> None:
    verdict = verify_board(compile_model(DATA / f"{name}.tflite", load_board(board), Options()), samples=2)
    assert verdict.agrees
    assert verdict.bit_exact or not name.endswith("int8")


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_loops_and_unrolled_steps_have_code_of_one_size(kind: str, tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    sizes = []
    for form in ("loop", "unrolled"):
        compiled = compile_model(DATA / f"{kind}_{form}.tflite", board, Options(name="net"))
        write_project(compiled.files, tmp_path / form)
        sizes.append(measure_model(board, model_objects(build_project(tmp_path / form)), "net").code)
    assert abs(sizes[0] - sizes[1]) < 0.15 * min(sizes)
