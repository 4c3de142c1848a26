"""CMake projects: presets, toolchain file, the library in a project of the user's own, and how microgen builds them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.boards import load_board
from microgen.codegen import sanitize
from microgen.device import run_firmware
from microgen.errors import BuildError, DoesNotFit, InputError, ToolMissing
from microgen.target.toolchain import GCC, build_project, measure_model, model_objects
from tests.support import codegen
from tests.support.codegen import evaluate, pattern, probe_graph, project, write
from tests.unit.test_codegen_names import HOSTILE

BOARD = "mps2-an386"


@pytest.fixture(autouse=True)
def probe_kernels(cmake: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


def call_cmake(folder: Path, *arguments: str | Path, code: int = 0) -> str:
    command = ["cmake", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def made(tmp_path: Path, **options: object) -> Path:
    return write(project(probe_graph(), projects=("cmake",), **options), tmp_path / "with space")


@pytest.mark.parametrize(
    ("optimize", "build_type"), [("speed", "Release"), ("size", "MinSizeRel"), ("ram", "RelWithDebInfo")]
)
def test_presets(optimize: str, build_type: str) -> None:
    files = project(probe_graph(), projects=("cmake",), optimize=optimize)
    assert "Makefile" not in files
    presets = json.loads(files["CMakePresets.json"])
    assert presets["version"] == 3  # CMake 3.21, as it says
    assert presets["cmakeMinimumRequired"] == {"major": 3, "minor": 21, "patch": 0}
    configure = {preset["name"]: preset for preset in presets["configurePresets"]}
    shown = {name for name, preset in configure.items() if not preset.get("hidden")}
    assert shown == {"default", "speed", "size", "ram", "debug"}
    assert {p["name"]: p["configurePreset"] for p in presets["buildPresets"]} == {name: name for name in shown}
    assert configure["default"]["inherits"] == optimize
    assert configure[optimize]["cacheVariables"]["CMAKE_BUILD_TYPE"] == build_type
    assert configure["arm"]["toolchainFile"] == "${sourceDir}/cmake/arm-none-eabi.cmake"
    assert f"set(CMAKE_BUILD_TYPE {build_type} " in files["CMakeLists.txt"].decode()


def test_lists_every_file_and_no_other() -> None:
    files = project(probe_graph(), projects=("cmake",))
    text = files["CMakeLists.txt"].decode()
    listed = re.findall(r"^ +([\w/]+\.c)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(p for p in files if p.endswith(".c") and p != "emulator/zeros.c")
    assert "emulator/zeros.c" in text and "emulator/zeros.c" in files
    assert "\\\\" not in re.sub(r'"size\\\\1"', "", text)  # no path of one system alone


@pytest.mark.cross
def test_build_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``microgen build`` and ``microgen run`` do where there is no Makefile."""
    folder = made(tmp_path)
    graph, board = probe_graph(), load_board(BOARD)
    built = build_project(folder)
    assert built.elf == folder / "build/default/net.elf"
    names = {path.name.partition(".")[0] for path in model_objects(built)}
    assert names == {"net", "net_weights", "mg_probe", "mg_touch"}
    assert measure_model(board, model_objects(built), "net").const > 0
    (x,) = graph.inputs
    run = run_firmware(board, built.elf, [pattern(x)[np.newaxis]], [v.type for v in graph.outputs], timeout=60)
    expected = evaluate(graph, [pattern(x)])
    for value, array in zip(graph.outputs, run.outputs, strict=True):
        assert np.array_equal(array[0, 0], expected[value])
    # A second time, from another place, which CMake itself would refuse, and without Ninja.
    moved = folder.rename(tmp_path / "elsewhere")
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "ninja" else which(program))
    again = build_project(moved)
    assert again.elf == moved / "build/default/net.elf" and (moved / "build/default/Makefile").is_file()
    assert [path.name for path in again.objects] == [path.name for path in built.objects]


@pytest.mark.cross
@pytest.mark.parametrize(("generator", "preset"), [("Ninja", "speed"), ("Unix Makefiles", "debug")])
def test_presets_and_targets(generator: str, preset: str, tmp_path: Path) -> None:
    folder = made(tmp_path)
    call_cmake(folder, "--preset", preset, "-G", generator, "-DNET_TRACE=ON")
    assert "MG stack=" in call_cmake(folder, "--build", "--preset", preset, "--target", "run")
    build = folder / "build" / preset
    assert (build / "output.bin").stat().st_size == 9 + 4
    assert (build / "trace.bin").stat().st_size > 0
    assert (build / "input.bin").read_bytes() == b"MGIN" + bytes([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) + bytes(9)
    # An input of the user's own stays.
    own = b"MGIN" + bytes([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) + bytes(18)
    (build / "input.bin").write_bytes(own)
    assert "invocations=2" in call_cmake(folder, "--build", "--preset", preset, "--target", "run")
    assert (build / "input.bin").read_bytes() == own
    assert re.search(r"^\.arena ", call_cmake(folder, "--build", "--preset", preset, "--target", "size"), re.MULTILINE)
    commands = {entry["file"]: entry["command"] for entry in json.loads((build / "compile_commands.json").read_text())}
    network = next(command for file, command in commands.items() if file.endswith("/net.c"))
    assert ("-O3" if preset == "speed" else "-Og") in network.split()
    assert {*load_board(BOARD).core.gcc_flags, "-std=c11", "-DNET_TRACE"} <= set(network.split())
    (folder / "net.h").touch()
    assert "net.c" in call_cmake(folder, "--build", "--preset", preset, "-v")


@pytest.mark.cross
def test_toolchain_by_folder_and_by_prefix(tmp_path: Path, arm_gcc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path)
    tools = tmp_path / "tool chain" / "bin"
    tools.mkdir(parents=True)
    for tool in Path(arm_gcc).parent.glob("arm-none-eabi-*"):
        (tools / tool.name).symlink_to(tool)

    def compiler(build: str, *arguments: str, code: int = 0) -> str:
        toolchain = "-DCMAKE_TOOLCHAIN_FILE=cmake/arm-none-eabi.cmake"
        output = call_cmake(folder, "-S", ".", "-B", f"build/{build}", "-G", "Ninja", toolchain, *arguments, code=code)
        cache = (folder / "build" / build / "CMakeFiles").rglob("CMakeCCompiler.cmake")
        found = [re.search(r'set\(CMAKE_C_COMPILER "(.*)"\)', path.read_text()) for path in cache]
        return found[0][1] if found and found[0] else output

    assert compiler("folder", f"-DARM_TOOLCHAIN_DIR={tools.parent}") == str(tools / GCC)
    assert compiler("bin", f"-DARM_TOOLCHAIN_DIR={tools}") == str(tools / GCC)
    assert compiler("prefix", f"-DCROSS={tools}/arm-none-eabi-") == str(tools / GCC)
    assert f"no {GCC} in" in compiler("wrong", f"-DARM_TOOLCHAIN_DIR={tmp_path}", code=1)
    monkeypatch.setenv("ARM_TOOLCHAIN_DIR", str(tools.parent))
    assert compiler("environment") == str(tools / GCC)
    call_cmake(folder, "--build", "build/environment")
    assert (folder / "build/environment/net.elf").is_file()


OWN_CMAKE = {
    "add_subdirectory": 'add_subdirectory("{folder}" network)',
    "FetchContent": """include(FetchContent)
FetchContent_Declare(network SOURCE_DIR "{folder}")
FetchContent_MakeAvailable(network)""",
}


@pytest.mark.parametrize("way", OWN_CMAKE)
def test_in_a_project_of_the_users_own(way: str, tmp_path: Path, host_gcc: str) -> None:
    """Compiled for this machine: the library brings neither a toolchain nor flags nor a program along."""
    folder, graph = made(tmp_path), probe_graph()
    own = tmp_path / "own"
    own.mkdir()
    (own / "main.c").write_text(codegen.harness(graph))
    (own / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(own LANGUAGES C)\nset(CMAKE_EXPORT_COMPILE_COMMANDS ON)\n"
        + OWN_CMAKE[way].format(folder=folder)
        + "\nadd_executable(own main.c)\ntarget_link_libraries(own PRIVATE net::net)\n"
    )
    call_cmake(own, "-S", ".", "-B", "build", "-G", "Ninja", f"-DCMAKE_C_COMPILER={host_gcc}")
    call_cmake(own, "--build", "build")
    done = subprocess.run([own / "build" / "own"], capture_output=True, text=True, check=True)
    expected = evaluate(graph, [pattern(v) for v in graph.inputs])
    assert done.stdout.splitlines() == ["0 ok", *(expected[v].tobytes().hex() for v in graph.outputs)]
    commands = json.loads((own / "build" / "compile_commands.json").read_text())
    assert not any(f"{folder}/emulator" in entry["file"] for entry in commands)
    flags = {
        word for entry in commands for word in entry["command"].split() if word.startswith(("-O", "-m", "-W", "-f"))
    }
    assert not flags
    targets = call_cmake(own, "--build", "build", "--target", "help")
    assert not re.search(r"^(run|size|net_application):", targets, re.MULTILINE)


def test_alone_for_this_machine(tmp_path: Path, host_gcc: str) -> None:
    folder = made(tmp_path)
    call_cmake(folder, "-B", "build/host", "-G", "Ninja", "-DCMAKE_TOOLCHAIN_FILE=", f"-DCMAKE_C_COMPILER={host_gcc}")
    call_cmake(folder, "--build", "build/host")
    assert (folder / "build/host/libnet.a").is_file() and not list(folder.glob("build/host/*.elf"))


@pytest.mark.cross
@pytest.mark.parametrize("name", ["all", "test", "m", "run", "Clean"])
def test_names_that_cmake_keeps(name: str, tmp_path: Path) -> None:
    folder = made(tmp_path, name=name)
    assert build_project(folder).elf == folder / f"build/default/{name}.elf"


@pytest.mark.cross
def test_hostile_names(tmp_path: Path) -> None:
    files = project(probe_graph(HOSTILE[:4]), projects=("cmake",), model_file="".join(HOSTILE[4:14]))
    folder = write(files, tmp_path / "p")
    assert files["CMakeLists.txt"].isascii() and files["cmake/arm-none-eabi.cmake"].isascii()
    assert build_project(folder).elf.is_file()
    assert not list(folder.rglob("hacked"))


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_sanitized_text_is_harmless(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_\-+./, ]*", sanitize.cmake(text))
    assert len(sanitize.cmake(text)) == len(text)


@pytest.mark.cross
def test_build_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path)
    source = (folder / "net.c").read_text()
    (folder / "net.c").write_text(source + "int x = nothing;\n")
    with pytest.raises(BuildError, match=r"error: .nothing. undeclared"):
        build_project(folder)
    (folder / "net.c").write_text(source + "char large[0x500000] = {1};\n")
    main = folder / "emulator/main.c"
    main.write_text(main.read_text() + "extern char large[]; char *keep(void); char *keep(void) { return large; }\n")
    script = folder / "emulator/linker.ld"
    script.write_text(script.read_text().replace("ENTRY(Reset_Handler)", "ENTRY(Reset_Handler)\nEXTERN(keep)"))
    with pytest.raises(DoesNotFit, match=r"[0-9,]+ bytes too many for (ram|code)"):
        build_project(folder)
    lists = folder / "CMakeLists.txt"
    lists.write_text(lists.read_text() + 'message(FATAL_ERROR "the sky fell")\n')
    with pytest.raises(BuildError, match=r"CMake failed: CMake Error at CMakeLists\.txt:.*the sky fell"):
        build_project(folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"cmake is not installed.*apt install cmake ninja-build"):
        build_project(folder)
    monkeypatch.setattr(shutil, "which", lambda program: "/bin/true" if program == "cmake" else None)
    with pytest.raises(ToolMissing, match=GCC):
        build_project(folder)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("iar", r"open iar/net\.eww in IAR"),
        ("csolution", r"open net\.csolution\.yml in Keil MDK 6 \(or run: cbuild net\.csolution\.yml\)"),
        ("lib", r"compile what sources\.txt lists"),
        ("zephyr", r"add it to a Zephyr build as a module \(zephyr/module\.yml\)"),
        ("arduino", r"add arduino/\w+\.zip to the Arduino IDE"),
        ("cmsis-pack", r"install cmsis-pack/[\w.+-]+\.pack with cpackget"),
    ],
)
def test_projects_that_cannot_be_built_here(kind: str, words: str, tmp_path: Path) -> None:
    folder = write(project(probe_graph(), projects=(kind,)), tmp_path / "p")
    with pytest.raises(InputError, match=words) as caught:
        build_project(folder)
    assert "--project make or --project cmake" in caught.value.hint
    with pytest.raises(InputError, match=r"no Makefile and no CMakePresets\.json"):
        build_project(tmp_path)
