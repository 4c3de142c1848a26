"""Stub builds with the include layout of Zephyr, Arduino and CMSIS packs; not opened in the real tools.

Compiler, emulator, CMake and Kconfig are real; what stands in for the tools is in tests/support.
"""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import pytest

from microgen.boards import load_board
from microgen.compiler import Options, compile_models
from tests.support.codegen import write
from tests.support.genuine import vendored_tree
from tests.support.stub_builds import arduino_build, component_build, play, run, zephyr_build

PROJECTS = ("make", "zephyr", "arduino", "cmsis-pack")
DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
INT8, FLOAT = DIGITS / "digits_int8.tflite", DIGITS / "digits_float.onnx"

#: What is built: board, models, their names, options, more lines of Zephyr's configuration, warned of the core.
CASES = {
    "int8-m4f": ("mps2-an386", (INT8,), "net", {}, 'CONFIG_MICROGEN_NET_ARENA_SECTION="SRAM2"\n', False),
    "float-m4f": ("mps2-an386", (FLOAT,), "net", {"optimize": "size"}, "", False),
    "both-m55": ("mps3-an547", (INT8, FLOAT), "one,two", {"share_arena": True}, "", False),
    "api-m4f": ("mps2-an386", (INT8,), "net", {"api": "mindspore"}, "", False),
    "no-fpu-m55": ("mps3-an547", (INT8,), "net", {}, "CONFIG_FPU=n\n", True),
}


@cache
def _files(case: str) -> dict[str, bytes]:
    board, models, names, options, _, _ = CASES[case]
    compiled = compile_models(models, load_board(board), Options(projects=PROJECTS, name=names, **options))
    return dict(compiled[0].files)


def check(console: str, names: str) -> None:
    lines = console.splitlines()
    assert [line for line in lines if line.endswith((": passed", ": FAILED"))] == [
        f"{name}: passed" for name in names.split(",")
    ]


@pytest.mark.parametrize("case", CASES)
def test_zephyr(case: str, tmp_path: Path) -> None:
    board, _, names, _, configuration, warned = CASES[case]
    project = write(_files(case), tmp_path / "p")
    elf, said = zephyr_build(project, load_board(board), tmp_path / "build", configuration)
    assert ("does not offer" in said) == warned
    console = play(load_board(board), elf, tmp_path / "run")
    check(console, names)
    assert console.splitlines()[-1] == "self-test passed"
    sections = run(["arm-none-eabi-objdump", "-h", elf])
    assert ("SRAM2" in sections) == ("SRAM2" in configuration)


def test_zephyr_options_of_the_compiler(tmp_path: Path) -> None:
    """The library's -O3 comes behind the program's -Os, which is all that the sample has; the trace reaches both."""
    for case, level in (("int8-m4f", "-O3"), ("float-m4f", "-Os")):
        project = write(_files(case), tmp_path / case)
        build = tmp_path / f"{case}-build"
        traced = "CONFIG_MICROGEN_NET_TRACE=y\n"
        zephyr_build(project, load_board("mps2-an386"), build, traced, target="microgen_net")
        commands = run(["ninja", "-C", build, "-t", "commands"]).splitlines()
        network = [c for c in commands if c.endswith("/net.c")]
        sample = [c for c in commands if c.endswith("/main.c")]
        assert len(network) == 1 and len(sample) == 1
        assert [word for word in network[0].split() if word.startswith("-O")][-1] == level
        assert [word for word in sample[0].split() if word.startswith("-O")] == ["-Os"]
        assert all("-DNET_TRACE" in command for command in (network[0], sample[0]))


@pytest.mark.parametrize("case", ["int8-m4f", "float-m4f", "both-m55", "api-m4f"])
def test_arduino(case: str, tmp_path: Path) -> None:
    board, _, names, _, _, _ = CASES[case]
    project = write(_files(case), tmp_path / "p")
    library = project / "arduino" / names.replace(",", "_")
    elf = arduino_build(library, project, load_board(board), tmp_path / "build")
    console = play(load_board(board), elf, tmp_path / "run")
    check(console, names)
    assert console.splitlines()[-1] == "self-test passed"


def test_arduino_with_a_linked_cmsis_nn(tmp_path: Path) -> None:
    """Its folders become folders below src/: every include finds its header without them on the path."""
    tree = vendored_tree()
    if tree is None:
        pytest.skip("the package bakenn is not installed")
    options = Options(projects=("make", "arduino"), name="net", kernels="cmsis-nn", cmsis_nn=str(tree))
    board = load_board("mps2-an386")
    project = write(dict(compile_models([INT8], board, options)[0].files), tmp_path / "p")
    elf = arduino_build(project / "arduino" / "net", project, board, tmp_path / "build")
    check(play(board, elf, tmp_path / "run"), "net")


@pytest.mark.parametrize("case", ["int8-m4f", "both-m55"])
def test_cmsis_pack(case: str, tmp_path: Path) -> None:
    """What the component lists, unpacked, is all that a program needs."""
    board, _, names, _, _, _ = CASES[case]
    name = names.replace(",", "_")
    project = write(_files(case), tmp_path / "p")
    (pack,) = (project / "cmsis-pack").glob("*.pack")
    unpacked = tmp_path / "pack"
    run(["python3", "-m", "zipfile", "-e", pack, unpacked])
    component = ElementTree.parse(unpacked / f"microgen.{name}.pdsc").find("components/component")
    assert component is not None
    listed = component.findall("files/file")
    sources = [f.get("name", "") for f in listed if f.get("category") == "source" and f.get("attr") is None]
    test = [f.get("name", "") for f in listed if f.get("attr") == "template"]
    includes = [f.get("name", "") for f in listed if f.get("category") == "include"]
    folders = [unpacked / folder for folder in includes] + [unpacked / "network" / "example"]
    selftest = [path for path in test if path.endswith("_selftest.c")]
    elf = component_build(
        [unpacked / path for path in (*sources, *selftest)],
        folders,
        project,
        name,
        load_board(board),
        tmp_path / "build",
    )
    check(play(load_board(board), elf, tmp_path / "run"), names)


def test_a_wrong_result_is_seen(tmp_path: Path) -> None:
    """The self-test is no formality: changed weights fail it, and the program says so."""
    files = _files("int8-m4f")
    first = re.compile(r"(const int8_t \w+\[\d+\] = \{\s+)(-?\d+)")
    changed, count = first.subn(lambda m: f"{m[1]}{int(m[2]) ^ 0x40}", files["net_weights.c"].decode())
    assert count > 2
    project = write({**files, "net_weights.c": changed.encode()}, tmp_path / "p")
    elf, _ = zephyr_build(project, load_board("mps2-an386"), tmp_path / "build")
    assert "net: FAILED" in play(load_board("mps2-an386"), elf, tmp_path / "run")


def test_sketch_becomes_cpp_with_prototypes(tmp_path: Path) -> None:
    """The stand-in declares a sketch's functions before their use, as the IDE does."""
    project = write(_files("int8-m4f"), tmp_path / "p")
    library = project / "arduino" / "net"
    sketch = library / "examples" / "SelfTest" / "SelfTest.ino"
    text = sketch.read_text()
    say = text.index("void say(")
    moved = text[:say] + text[text.index("void setup(") :] + text[say : text.index("void setup(")]
    sketch.write_text(moved)
    board = load_board("mps2-an386")
    elf = arduino_build(library, project, board, tmp_path / "build")
    check(play(board, elf, tmp_path / "run"), "net")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_arena_file_compiles_strictly(compiler: str, tmp_path: Path, host_gcc: str, clang: str) -> None:
    project = write(_files("both-m55"), tmp_path / "p")
    command = [{"gcc": host_gcc, "clang": clang}[compiler], "-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    includes = [f"-I{project}", f"-I{project / 'zephyr' / 'include'}"]
    subprocess.run([*command, *includes, "-fsyntax-only", project / "zephyr" / "arena.c"], check=True)
