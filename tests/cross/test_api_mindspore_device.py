"""Programs for MindSpore Lite Micro on generated projects, in the emulator: the bytes of the host runtime."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.compiler import Compiled, Options, compile_models
from microgen.project import write_project
from microgen.runtime import Session
from microgen.target.emulator import run_elf
from tests.support.models import INT8_MODELS, pattern_input

PROGRAMS = Path(__file__).parents[1] / "data" / "mindspore_lite"
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
#: Memory for the largest of the test models and the program's own buffers fits into the emulated boards' RAM.
WORKSPACE = 131072


def compiled_project(models: Sequence[Path], board: str, folder: Path, **options: object) -> tuple[Compiled, ...]:
    chosen = Options(api="mindspore", **options)  # type: ignore[arg-type]
    compiled = compile_models(models, load_board(board), chosen)
    write_project(compiled[0].files, folder)
    return compiled


def build(compiled: Compiled, folder: Path, programs: Sequence[str], defines: Sequence[str]) -> Path:
    """The project's own objects (``make model``), linked with ``programs`` and the emulator's start-up code."""
    flags = [f"EXTRA_CFLAGS={' '.join(WARNINGS)}", "OPT=-O2"]
    made = subprocess.run(["make", "-j2", "model", *flags], cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    sources = [*(str(PROGRAMS / name) for name in programs), "emulator/startup.c", "emulator/semihosting.c"]
    includes = ["-Imindspore", "-Imindspore/include", "-Iemulator", f"-I{PROGRAMS}"]
    link = ["-nostartfiles", "-T", "emulator/linker.ld", "-Wl,--gc-sections", "-lm", "-o", "build/program.elf"]
    objects = sorted(str(path) for path in (folder / "build").rglob("*.o"))
    command = ["arm-none-eabi-gcc", *compiled.board.core.gcc_flags, *WARNINGS, "-O2", *includes]
    command += [*(f"-D{define}" for define in defines), *sources, *objects, *link]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "build" / "program.elf"


def run(compiled: Compiled, elf: Path, given: bytes, folder: Path) -> bytes:
    folder.mkdir()
    (folder / "input.bin").write_bytes(given)
    result = run_elf(compiled.board, elf, files=folder, timeout=120.0)
    assert result.exit_code == 0, (result.exit_code, result.console)
    return (folder / "output.bin").read_bytes()


def expectation(compiled: Compiled) -> tuple[bytes, bytes]:
    """One sample of every input, and what the host runtime makes of it."""
    inputs = [pattern_input(value.type) for value in compiled.graph.inputs]
    outputs = Session(compiled.graph).run(inputs)
    return b"".join(a.tobytes() for a in inputs), b"".join(a.tobytes() for a in outputs)


def program_for(compiled: Compiled, given: bytes, expected: bytes) -> list[str]:
    """What device.c has to know of a network with one input and one output."""
    names = (compiled.graph.inputs[0].name, compiled.graph.outputs[0].name)
    assert all(re.fullmatch(r"[\w:/.;-]+", name) for name in names), names
    return [
        f'INPUT_NAME="{names[0]}"',
        f'OUTPUT_NAME="{names[1]}"',
        f"INPUT_BYTES={len(given)}",
        f"OUTPUT_BYTES={len(expected)}",
        f"WORK_SPACE_SIZE={WORKSPACE}",
    ]


@pytest.mark.parametrize(
    ("name", "board"),
    [*((name, "mps2-an386") for name in INT8_MODELS), *((name, "mps2-an385") for name in INT8_MODELS[2:4])],
)
def test_an_application_written_for_micro(name: str, board: str, testdata: Path, tmp_path: Path) -> None:
    """By name with buffers of its own, and by handle in the workspace with inputs that outlast several runs."""
    (compiled,) = compiled_project([testdata / "models" / f"{name}.tflite"], board, tmp_path / "p")
    given, expected = expectation(compiled)
    elf = build(compiled, tmp_path / "p", ["application.c", "device.c"], program_for(compiled, given, expected))
    assert run(compiled, elf, given, tmp_path / "run") == expected * 2


def test_two_models_share_one_memory(testdata: Path, tmp_path: Path) -> None:
    models = [testdata / "models" / f"{name}.tflite" for name in ("kws_dscnn_int8", "vww_mobilenet_int8")]
    compiled = compiled_project(models, "mps2-an386", tmp_path / "p", share_arena=True, name="kws,vww")
    (first, second) = (expectation(c) for c in compiled)
    header = (tmp_path / "p" / "mindspore" / "include" / "model_handle.h").read_text()
    sizes = {
        name: int(size) for name, size in re.findall(r"define (\w+)_MS_(?:SHARED_)?WORKSPACE_BYTES (\d+)u", header)[:3]
    }
    shared = re.findall(r"KWS_VWW_MS_SHARED_WORKSPACE_BYTES (\d+)u", header)
    assert int(shared[0]) == max(sizes["KWS"], sizes["VWW"])
    defines = [f"SHARED_BYTES={shared[0]}", f"INPUT_BYTES={len(first[0] + second[0])}"]
    elf = build(compiled[0], tmp_path / "p", ["two_models.c"], defines)
    assert run(compiled[0], elf, first[0] + second[0], tmp_path / "run") == (first[1] + second[1]) * 2


def test_a_float_model(testdata: Path, tmp_path: Path) -> None:
    (compiled,) = compiled_project([testdata / "models" / "hello_world_float.tflite"], "mps2-an386", tmp_path / "p")
    networks = (tmp_path / "p" / "mindspore" / "src" / "microgen_ms_networks.c").read_text()
    assert networks.count("kMSDataTypeNumberTypeFloat32") == 2
    x = np.array([[0.75]], np.float32)
    (expected,) = Session(compiled.graph).run([x.reshape(1, *compiled.graph.inputs[0].shape)])
    elf = build(compiled, tmp_path / "p", ["application.c", "device.c"], program_for(compiled, bytes(4), bytes(4)))
    found = np.frombuffer(run(compiled, elf, x.tobytes(), tmp_path / "run"), np.float32)
    np.testing.assert_allclose(found, np.repeat(expected.astype(np.float32), 2), rtol=1e-5)
