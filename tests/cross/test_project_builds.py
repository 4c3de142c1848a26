"""Every int8 model as a project of every type that can be built here: on the emulator, the host runtime's bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from microgen.boards import load_board
from microgen.compiler import Compiled, Options, compile_models
from microgen.device import run_firmware
from microgen.project import write_project
from microgen.runtime import Session
from microgen.target.emulator import run_elf
from microgen.target.toolchain import build_project
from tests.support.models import INT8_MODELS, test_batch

pytestmark = pytest.mark.usefixtures("cmake")

BOARD = "mps2-an386"
KINDS = ("csolution", "cproject")
APPLICATION = ("main", "startup", "semihosting", "stack_paint")


def compiled(
    testdata: Path, names: Sequence[str], folder: Path, *projects: str, **options: object
) -> tuple[Compiled, ...]:
    """The project of these models, written to ``folder``."""
    paths = [testdata / "models" / f"{name}.tflite" for name in names]
    networks = compile_models(paths, load_board(BOARD), Options(projects=projects, **options))  # type: ignore[arg-type]
    write_project(networks[0].files, folder)
    return networks


def agree(networks: Sequence[Compiled], elf: Path, random: int = 1) -> None:
    """The firmware computes what the host runtime does: every byte of every output, by every network."""
    for network in networks:
        inputs = test_batch(network.graph, random)
        expected = Session(network.graph).run(inputs)
        types = [value.type for value in network.graph.outputs]
        run = run_firmware(network.board, elf, inputs, types, repeat=2, poison=True, network=network.index, timeout=120)
        for array, wanted in zip(run.outputs, expected, strict=True):
            for repetition in range(2):
                assert array[:, repetition].tobytes() == wanted.tobytes(), network.name


def build_from_the_list(folder: Path, emulator: Path, output: Path, arm_gcc: str) -> Path:
    """A build system of one's own: one call of the compiler, told by sources.txt what to compile."""
    facts: dict[str, list[str]] = {}
    for line in (folder / "sources.txt").read_text().splitlines():
        if not line.startswith("#"):
            keyword, value = line.split(" ")
            facts.setdefault(keyword, []).append(value)
    command = [arm_gcc, "-std=c11", *facts["core"], *facts["optimize"], "-ffunction-sections", "-Wl,--gc-sections"]
    command += [f"-I{path}" for path in (*facts["include"], emulator)] + [
        f"-D{name}" for name in facts.get("define", [])
    ]
    command += [*facts["source"], *(f"{emulator}/{name}.c" for name in APPLICATION), "-nostartfiles"]
    command += ["-T", f"{emulator}/linker.ld", "-o", str(output), *(f"-l{name}" for name in facts["library"])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


@pytest.mark.parametrize("model", INT8_MODELS)
def test_models_under_make_cmake_and_a_build_of_ones_own(
    model: str, testdata: Path, tmp_path: Path, arm_gcc: str
) -> None:
    folder = tmp_path / "make and cmake"
    networks = compiled(testdata, [model], folder, "make", "cmake")
    agree(networks, build_project(folder).elf)

    (folder / "Makefile").unlink()
    built = build_project(folder)
    assert built.elf.parent == folder / "build" / "default"
    agree(networks, built.elf)

    library = compiled(testdata, [model], tmp_path / "lib", "lib")
    assert not {"emulator", "board", "example", "Makefile"} & {path.name for path in (tmp_path / "lib").iterdir()}
    agree(library, build_from_the_list(tmp_path / "lib", folder / "emulator", tmp_path / "own.elf", arm_gcc))


@pytest.mark.parametrize("share_arena", [False, True])
@pytest.mark.parametrize("kind", ["make", "cmake"])
def test_several_networks(kind: str, share_arena: bool, testdata: Path, tmp_path: Path) -> None:
    names = ("hello_world_int8", "kws_dscnn_int8", "ad_autoencoder_int8")
    networks = compiled(testdata, names, tmp_path / "p", kind, share_arena=share_arena)
    agree(networks, build_project(tmp_path / "p").elf, random=0)


@pytest.mark.parametrize(("generator", "preset"), [("Ninja", "size"), ("Unix Makefiles", "ram")])
def test_cmake_presets_under_both_generators(generator: str, preset: str, testdata: Path, tmp_path: Path) -> None:
    networks = compiled(testdata, ["kws_dscnn_int8"], tmp_path / "p", "cmake")
    for command in (["--preset", preset, "-G", generator], ["--build", "--preset", preset]):
        subprocess.run(["cmake", *command], cwd=tmp_path / "p", check=True, capture_output=True)
    agree(networks, tmp_path / "p" / "build" / preset / "kws_dscnn_int8.elf", random=0)


SELFTEST_MAIN = """#include <stddef.h>
#include "kws_selftest.h"
int main(void) { return kws_selftest(NULL); }
"""


def test_what_a_csolution_lists_is_a_program(testdata: Path, tmp_path: Path, arm_gcc: str) -> None:
    """Read back as the CMSIS-Toolbox would: groups, include folders and macros make the self-test, which passes."""
    compiled(testdata, ["kws_dscnn_int8"], tmp_path / "make", "make", name="kws")
    folder, emulator = tmp_path / "csolution", tmp_path / "make" / "emulator"
    compiled(testdata, ["kws_dscnn_int8"], folder, "csolution", name="kws")
    solution, program = (yaml.load((folder / f"kws.{kind}.yml").read_text(), yaml.BaseLoader) for kind in KINDS)
    assert [entry["project"] for entry in solution["solution"]["projects"]] == ["kws.cproject.yml"]
    (layer,) = (
        yaml.load((folder / entry["layer"]).read_text(), yaml.BaseLoader) for entry in program["project"]["layers"]
    )
    nodes = (program["project"], layer["layer"])
    files = [entry["file"] for node in nodes for group in node["groups"] for entry in group["files"]]
    sources = [file for file in files if file.endswith(".c")]
    assert len(set(files)) == len(files) and "example/main.c" in sources
    flags = [arm_gcc, *load_board(BOARD).core.gcc_flags, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]
    flags += [f"-I{path}" for node in nodes for path in node.get("add-path", [])] + ["-Iexample", f"-I{emulator}"]
    subprocess.run([*flags, "-c", "-o", os.devnull, "example/main.c"], cwd=folder, check=True)
    # The program's own loop never ends: here its self-test is what the emulator runs.
    (tmp_path / "main.c").write_text(SELFTEST_MAIN)
    sources = [file for file in sources if file != "example/main.c"]
    parts = [f"{emulator}/{name}.c" for name in ("startup", "semihosting")]
    command = [*flags, *sources, str(tmp_path / "main.c"), *parts, "-nostartfiles", "-T", f"{emulator}/linker.ld"]
    subprocess.run([*command, "-o", str(tmp_path / "test.elf"), "-lm"], cwd=folder, check=True)
    assert run_elf(load_board(BOARD), tmp_path / "test.elf", files=tmp_path, timeout=60).exit_code == 0


OWN_CMAKE = """cmake_minimum_required(VERSION 3.20)
project(own LANGUAGES C)
add_subdirectory(network)
add_executable(own main.c startup.c semihosting.c stack_paint.c)
target_link_libraries(own PRIVATE kws::kws)
target_link_options(own PRIVATE -nostartfiles -T "${CMAKE_SOURCE_DIR}/linker.ld")
"""


def test_cmake_library_in_firmware_of_ones_own(testdata: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    networks = compiled(testdata, ["kws_dscnn_int8"], own / "network", "cmake", name="kws")
    for path in (own / "network" / "emulator").iterdir():
        shutil.copy(path, own)
    shutil.rmtree(own / "network" / "emulator")  # the library needs none of it
    (own / "CMakeLists.txt").write_text(OWN_CMAKE)
    flags = " ".join([*load_board(BOARD).core.gcc_flags, "-O2"])
    settings = ["CMAKE_SYSTEM_NAME=Generic", "CMAKE_C_COMPILER=arm-none-eabi-gcc", f"CMAKE_C_FLAGS={flags}"]
    settings.append("CMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY")
    for command in (["-B", "build", "-G", "Ninja", *(f"-D{s}" for s in settings)], ["--build", "build"]):
        done = subprocess.run(["cmake", *command], cwd=own, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    agree(networks, own / "build" / "own", random=0)
