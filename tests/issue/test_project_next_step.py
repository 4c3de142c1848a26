"""What a project says of itself: the next step, how to make it again, where it runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import Run

MODEL = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.tflite"


@pytest.mark.parametrize(
    ("kind", "step"),
    [("iar", "open iar/digits_int8.eww"), ("lib", "what sources.txt lists"), ("lib,cmake", "microgen build ")],
)
def test_next_step_is_one_that_can_be_taken(microgen: Run, tmp_path: Path, kind: str, step: str) -> None:
    done = microgen("compile", MODEL, "--board", "nucleo-f446re", "--project", kind, "-o", tmp_path / "p")
    assert done.code == 0
    (line,) = [line for line in done.out.splitlines() if line.startswith("Next: ")]
    assert step in line and ("microgen build" in line) == ("microgen build" in step)


def test_readme_has_the_command_that_makes_the_same_project(microgen: Run, tmp_path: Path) -> None:
    options = [
        "--board",
        "mps2-an386",
        "--name",
        "a,b,c",
        "--project",
        "lib,cmake",
        "--share-arena",
        "--api",
        "mindspore",
    ]
    first, second = tmp_path / "first", tmp_path / "second"
    assert microgen("compile", MODEL, MODEL, MODEL, *options, "--optimize", "size", "-o", first).code == 0
    (command,) = re.findall(r"^    microgen (compile .*)$", (first / "README.md").read_text(), re.MULTILINE)
    words = [{MODEL.name: str(MODEL), "FOLDER": str(second)}.get(word, word) for word in command.split()]
    assert microgen(*words).code == 0
    assert (second / "manifest.json").read_bytes() == (first / "manifest.json").read_bytes()


def test_run_on_a_real_board_is_refused_at_once(microgen: Run, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    assert microgen("compile", MODEL, MODEL, "--name", "a,b", "--board", "nucleo-f446re", "-o", folder).code == 0
    np.save(tmp_path / "x.npy", np.zeros((1, 1), np.int8))
    done = microgen("run", folder, "--input", tmp_path / "x.npy")
    assert done.code == 2 and "board nucleo-f446re has no emulator" in done.err and "example/" in done.err
    assert not (folder / "build").exists()


def test_files_of_another_type_are_said_to_go(tmp_path: Path, digits_model: Path, microgen: Run) -> None:
    folder = tmp_path / "p"
    common = ("compile", digits_model, "--board", "nucleo-f446re", "-o", folder, "--project")
    assert "Removed" not in microgen(*common, "make,lib").out
    outcome = microgen(*common, "lib")
    assert "Removed from the project that was there: Makefile" in outcome.out
    assert not (folder / "Makefile").exists()
