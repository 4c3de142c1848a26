"""Projects for IAR Embedded Workbench, built from what they say as the IDE would, by GCC in place of IAR's compiler."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from microgen import resources
from microgen.boards import load_board
from microgen.codegen import kernels
from microgen.compiler import Compiled, Options, compile_model, compile_models
from microgen.device import run_firmware
from microgen.mindir import TensorType, Value
from microgen.ops.call import Isa
from microgen.project import write_project
from microgen.runtime import Session
from tests.support.iar import read_workspace
from tests.support.iar_build import (
    WARNINGS,
    build_configuration,
    compile_as_iar,
    iar_text,
    run_debug,
    run_release,
)
from tests.support.models import INT8_MODELS, test_batch

pytestmark = pytest.mark.cross

BOTH = ("make", "iar")


def compiled(model: Path, board: str, folder: Path, place: Mapping[str, str] | None = None) -> Compiled:
    """A project of ``model`` in ``folder``."""
    result = compile_model(model, load_board(board), Options(name="net", projects=BOTH, place=place or {}))
    write_project(result.files, folder)
    return result


def run_as_the_ide_would(folder: Path, board: str) -> Path:
    """Builds and runs both configurations; the folder of the Release objects."""
    target = load_board(board)
    project = read_workspace(folder / "iar" / "net.eww")
    debug, release = project.configurations.values()
    output = folder / "as-iar"
    code, text = run_debug(target, build_configuration(project, debug, output / "Debug"))
    assert (code, text) == (0, "net: passed\n")
    firmware = build_configuration(project, release, output / "Release")
    assert run_release(target, firmware, "microgen_selftest") == 1
    return output / "Release"


def link_with_emulator(result: Compiled, folder: Path, objects: list[Path]) -> Path:
    """The application that runs samples, with these objects of the network."""
    firmware = folder / "emulator.elf"
    sources = sorted((folder / "emulator").glob("*.c"))
    includes = [f"-I{folder / name}" for name in (".", "runtime", "emulator")]
    command = [
        "arm-none-eabi-gcc",
        *result.board.core.gcc_flags,
        "-std=c11",
        "-O2",
        *includes,
        *map(str, [*sources, *objects]),
    ]
    command += [
        "-nostartfiles",
        "-Wl,--gc-sections",
        "-T",
        str(folder / "emulator" / "linker.ld"),
        "-o",
        str(firmware),
        "-lm",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return firmware


def types_of(values: Sequence[Value]) -> list[TensorType]:
    return [value.type for value in values]


def assert_same_bytes(result: Compiled, firmware: Path, random: int = 2) -> None:
    """The firmware computes what the host does, for several inputs, twice in a row, from a poisoned arena."""
    inputs = test_batch(result.graph, random)
    expected = Session(result.graph).run(inputs)
    run = run_firmware(result.board, firmware, inputs, types_of(result.graph.outputs), repeat=2, poison=True)
    for array, wanted in zip(run.outputs, expected, strict=True):
        for repetition in range(2):
            assert array[:, repetition].tobytes() == wanted.tobytes()


def network_objects(folder: Path, objects: Path) -> list[Path]:
    """What the groups Model and Runtime were compiled to."""
    sources = read_workspace(folder / "iar" / "net.eww").sources("Release", "Model", "Runtime")
    return [objects / f"{source.stem}.o" for source in sources]


@pytest.mark.parametrize(
    ("model", "board"),
    [
        *((name, "mps2-an386") for name in INT8_MODELS),
        ("kws_dscnn_int8", "mps3-an547"),
        ("micro_speech_int8", "mps2-an505"),
        ("hello_world_int8", "mps2-an385"),
    ],
)
def test_models(model: str, board: str, testdata: Path, tmp_path: Path) -> None:
    """Both configurations pass their self-test, and the network that they build has the host's bytes."""
    folder = tmp_path / "p"
    result = compiled(testdata / "models" / f"{model}.tflite", board, folder)
    objects = run_as_the_ide_would(folder, board)
    firmware = link_with_emulator(result, folder, network_objects(folder, objects))
    assert_same_bytes(result, firmware, random=1)


def test_two_networks_behind_another_interface(testdata: Path, tmp_path: Path) -> None:
    """Several networks in one arena, with the files of an API in a group of their own."""
    paths = [testdata / "models" / f"{name}.tflite" for name in ("hello_world_int8", "hello_world_float")]
    options = Options(name="one,two", projects=("iar",), share_arena=True, api="mindspore")
    board = load_board("mps2-an386")
    write_project(compile_models(paths, board, options)[0].files, tmp_path / "p")
    project = read_workspace(tmp_path / "p" / "iar" / "one_two.eww")
    assert list(dict.fromkeys(file.group for file in project.files)) == ["Model", "Runtime", "API", "Application"]
    firmware = build_configuration(project, project.configurations["Debug"], tmp_path / "Debug")
    assert run_debug(board, firmware) == (0, "one: passed\ntwo: passed\n")


@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_a_float_model(board: str, testdata: Path, tmp_path: Path) -> None:
    compiled(testdata / "models" / "hello_world_float.tflite", board, tmp_path / "p")
    run_as_the_ide_would(tmp_path / "p", board)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ({}, {"net_invoke": "code", "net_layer0_filter": "code", "arena": "ram"}),
        (
            {"weights": "psram", "arena": "psram"},
            {"net_invoke": "code", "net_layer0_filter": "psram", "arena": "psram"},
        ),
        ({"code": "psram"}, {"net_invoke": "psram", "net_layer0_filter": "code", "arena": "ram"}),
        ({"weights/*": "ram"}, {"net_invoke": "code", "net_layer0_filter": "ram", "arena": "ram"}),
    ],
)
def test_placement(place: dict[str, str], where: dict[str, str], testdata: Path, tmp_path: Path) -> None:
    """Regions of the .icf are those of ``--place``, and what lies in RAM is copied there."""
    folder = tmp_path / "p"
    result = compiled(testdata / "models" / "hello_world_int8.tflite", "mps2-an386", folder, place)
    objects = run_as_the_ide_would(folder, "mps2-an386")
    elf = objects / "net.out"
    listing = subprocess.run(["arm-none-eabi-nm", elf], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in listing.splitlines()]
    # A variable of a function has a number behind its name.
    symbols = {words[2].split(".")[0]: int(words[0], 16) for words in lines if len(words) == 3}
    regions = {r.name: r for r in result.board.memory}
    for symbol, region in where.items():
        assert regions[region].origin <= symbols[symbol] < regions[region].end, symbol
    assert symbols["__iar_CSTACK"] == result.board.region_for("stack").origin


@pytest.mark.parametrize(
    ("cpu", "isa", "gnu"),
    [("cortex-m0plus", Isa.PORTABLE, False), ("cortex-m4", Isa.DSP, True), ("cortex-m55", Isa.MVE, True)],
)
def test_all_kernels(cpu: str, isa: Isa, gnu: bool, tmp_path: Path) -> None:
    """Every kernel is C that IAR's compiler knows, in each flavour, also where it calls itself GNU's besides.

    Of the flavours it is the files that have conditions; the others are the plain ones.
    """
    folder = resources.runtime_c_dir()
    header = kernels.nn_header(folder, kernels.functions(folder), isa=isa)
    (tmp_path / kernels.GENERATED_HEADER).write_text(header)
    hard = ["-mfloat-abi=hard"] if isa is Isa.MVE else ["-mfloat-abi=soft"]
    flags = [f"-mcpu={cpu}", "-mthumb", *hard, "-Og", f"-I{tmp_path}", f"-I{folder}"]
    sources = sorted(folder.glob("*.c"))
    if isa is not Isa.PORTABLE:
        sources = [path for path in sources if re.search(r"^\s*#\s*if", path.read_text(), re.MULTILINE)]
    assert len(sources) > (200 if isa is Isa.PORTABLE else 20)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda source: compile_as_iar(source, tmp_path, flags, gnu=gnu), sources))
    assert len({path.name for path in objects}) == len(sources)


@pytest.mark.parametrize(
    "text",
    [
        "int f(int x) { return __builtin_clz((unsigned)x); }",
        "__attribute__((noinline)) int f(int x) { return x; }",
        'int f(int x) { __asm__("nop"); return x; }',
        "int f(int x) { return ({ x; }); }",
        "#pragma GCC unroll 2\nint f(int x) { return x; }",
        "int f(int x) { return x ?: 2; }",
    ],
)
def test_what_only_gcc_knows_is_seen(text: str, tmp_path: Path) -> None:
    source = tmp_path / "f.c"
    flags = ["-mcpu=cortex-m4", "-Og"]
    source.write_text("int f(int x);\nint f(int x) { return x; }\n")
    compile_as_iar(source, tmp_path, flags)
    source.write_text(f"int f(int x);\n{text}\n")
    with pytest.raises(AssertionError):
        compile_as_iar(source, tmp_path, flags)


def test_keywords_and_pragmas_get_their_meaning() -> None:
    text = '#pragma location=".mg_arena"\n __no_init static int x;\n__root const int y = 1;\n__weak void f(void);\n'
    assert iar_text(text).splitlines()[1:] == [
        '__attribute__((section(".mg_arena"))) static int x;',
        "__attribute__((used)) const int y = 1;",
        "__attribute__((weak)) void f(void);",
    ]


@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_clang_for_arm(board: str, testdata: Path, tmp_path: Path, clang: str, arm_gcc: str) -> None:
    """A second compiler of a user's: no warning, the same bytes."""
    folder = tmp_path / "p"
    result = compiled(testdata / "models" / "kws_dscnn_int8.tflite", board, folder)
    command = [arm_gcc, "-E", "-Wp,-v", "-x", "c", "/dev/null"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    newlib = next(Path(line.strip()) for line in listed if (Path(line.strip()) / "newlib.h").is_file())
    flags = [*result.board.core.gcc_flags, *WARNINGS, "-O2", "-ffunction-sections", "-fdata-sections"]
    includes = [f"-isystem{newlib}", f"-I{folder}", f"-I{folder / 'runtime'}"]
    sources = read_workspace(folder / "iar" / "net.eww").sources("Release", "Model", "Runtime")
    build = [clang, "--target=arm-none-eabi", *flags, *includes, "-c", *map(str, sources)]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    firmware = link_with_emulator(result, folder, [tmp_path / f"{source.stem}.o" for source in sources])
    assert_same_bytes(result, firmware)
