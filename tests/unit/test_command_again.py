"""The README of a project has the command that makes it again, whatever was given."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.cli.again import given_again
from microgen.cli.projects import compile_command
from microgen.codegen import sanitize
from microgen.compiler import Options, compile_model
from tests.support.command import Run

EXAMPLES = Path(__file__).parents[2] / "examples" / "digits"
NASTY = "my 'best' $(touch hacked) `x` #1.onnx"


def printed(folder: Path) -> str:
    (command,) = re.findall(r"^    (microgen compile .*)$", (folder / "README.md").read_text(), re.MULTILINE)
    return str(command)


def test_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, microgen: Run) -> None:
    monkeypatch.chdir(tmp_path)
    Path(NASTY).write_bytes((EXAMPLES / "digits_float.onnx").read_bytes())
    Path("sub folder").mkdir()
    with np.load(EXAMPLES / "digits_calibration.npz") as samples:
        np.savez("sub folder/samples.npz", **{name: array[:20] for name, array in samples.items()})
    Path("how.yaml").write_text("method: min_max\n")
    options = ["--board", "mps2-an386", "--name", "net", "--project", "lib,cmake", "--kernels", "portable"]
    options += ["--io-layout", "source", "--calibration", "sub folder/samples.npz", "--config", "how.yaml"]
    options += ["--max-flash=300K", "--max-ram", "96K", "--api", "mindspore", "--optimize", "size", "--stack", "8K"]
    options += ["--place", "arena=ram,stack=ram", "--place", "weights/*=code"]
    done = microgen("compile", *options, "-ofirst", NASTY)
    assert done.code == 0, done.err
    command = printed(tmp_path / "first")
    assert "first" not in command and "'\"'\"'best'" in command
    module = f"{shlex.quote(sys.executable)} -m microgen.cli"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    script = command.replace("microgen", module, 1)
    subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    first, second = (
        {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (tmp_path / "first", tmp_path / "FOLDER")
    )
    assert first == second and not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        "a.tflite b.tflite --board x.toml --share-arena --name a,b --cmsis-nn ../tree",
        "--device STM32L4R5ZI -o there --json out.json --project make -- -x.tflite",
        "a.onnx --board b --npu ethos-u55-128 --npu-option=optimise=Size --npu-option system-config=A",
        "a.onnx --board b --pixels 24,24 --preprocess steps.yaml --frontend f.yaml --calibration d",
        "a.onnx --board b --input-shape x:1,3,2 --input-shape 'y:z:2,2' --place 'weights/a b*=flash'",
        "a.onnx --board=b --name=-x --stack=2K --max-flash 1M",
    ],
)
def test_every_option(arguments: str) -> None:
    """What click makes of the words is the same again, but for the places of results."""
    given = shlex.split(arguments)
    given += [] if "-o" in given else ["-o", "there"]
    if "--" in given:
        given = [*given[:-2], "--", given[-1]]
    with compile_command.make_context("compile", list(given)) as context:
        words = given_again()
        wanted = dict(context.params)
    line = " ".join(sanitize.shell(word) for word in words)
    with compile_command.make_context("compile", [*shlex.split(line), "-o", "elsewhere"]) as context:
        assert given_again() == words
        found = dict(context.params)
    assert str(found.pop("output")) == "elsewhere" and found.pop("json_target") is None
    del wanted["output"], wanted["json_target"]
    assert found == wanted


def test_absolute_paths_keep_their_names() -> None:
    given = ["/home/me/a.tflite", "--board", "/home/me/b.toml", "-o", "/tmp/x", "--npu", "e"]
    with compile_command.make_context("compile", [*given, "--npu-option", "config=/home/me/v.ini"]):
        words = " ".join(given_again())
    assert words == "a.tflite --board b.toml --npu e --npu-option config=v.ini"


@pytest.mark.parametrize(
    "word", ["plain", "", "two words", "it's", "a\nb", "\x1b[2J\\", "\u202egnp.exe", "größe", "\udcff\x01", "tab\t'\\n"]
)
def test_words_of_a_shell(word: str) -> None:
    quoted = sanitize.shell(word)
    assert quoted.isprintable()
    done = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True)
    assert done.stdout == os.fsencode(word)


def test_without_a_command_line() -> None:
    options = Options(name="net", projects=("lib",), optimize="ram", stack_bytes=8192, place={"arena": "ram"})
    compiled = compile_model(EXAMPLES / "digits_int8.tflite", load_board("mps2-an386"), options)
    readme = compiled.files["README.md"].decode()
    wanted = (
        "digits_int8.tflite --board mps2-an386 --name net --project lib --optimize ram --stack 8192 --place arena=ram"
    )
    assert f"    microgen compile {wanted} -o FOLDER\n" in readme
