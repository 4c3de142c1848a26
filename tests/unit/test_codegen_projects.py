"""Project files: the Makefile with the emulator, IAR's workspace, what they list."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import load_board
from microgen.codegen.projects import writers
from microgen.device import run_firmware
from microgen.errors import DeviceFault
from microgen.mindir import Array
from tests.support import codegen
from tests.support.codegen import WARNINGS, Probe, evaluate, probe_graph, project, write


@pytest.fixture(autouse=True)
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


def make(folder: Path, *arguments: str) -> str:
    command = ["make", "-j2", "EXTRA_CFLAGS=-Wconversion -Werror", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def samples(count: int, size: int) -> Array:
    return np.random.default_rng(1).integers(-128, 128, (count, size), dtype=np.int8)


@pytest.mark.cross
@pytest.mark.parametrize("size", [9, 3000])
@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_emulator_application(board: str, size: int, tmp_path: Path) -> None:
    graph = probe_graph(size=size)
    folder = write(project(graph, board=board), tmp_path / "with space")
    target, inputs = load_board(board), samples(5, size)
    expected = [evaluate(graph, [sample]) for sample in inputs]
    for trace in (False, True):
        make(folder, f"TRACE={int(trace)}")
        traced = [v for node in graph.nodes for v in node.outputs] if trace else []
        run = run_firmware(
            target,
            folder / "build" / "net.elf",
            [inputs],
            [v.type for v in graph.outputs],
            trace=[v.type for v in traced],
            repeat=2,
            poison=True,
            timeout=60,
        )
        for values, arrays in ((graph.outputs, run.outputs), (traced, run.trace)):
            for value, array in zip(values, arrays, strict=True):
                for i in range(len(inputs)):
                    assert np.array_equal(array[i], np.stack([expected[i][value]] * 2)), value.name
        assert 0 < run.stack_bytes < 4096
        assert re.search(r"^MG stack=\d+ arena=\d+ invocations=10$", run.console, re.MULTILINE)


@pytest.mark.cross
def test_a_refused_call_ends_the_application(tmp_path: Path) -> None:
    graph = probe_graph(op=Probe(count=-1))
    folder = write(project(graph), tmp_path / "p")
    make(folder)
    with pytest.raises(DeviceFault, match="code 3: invoke: a kernel refused its arguments"):
        run_firmware(
            load_board("mps2-an386"), folder / "build" / "net.elf", [samples(1, 9)], [v.type for v in graph.outputs]
        )


@pytest.mark.cross
def test_make_targets(tmp_path: Path) -> None:
    folder = write(project(probe_graph()), tmp_path / "p")
    assert "MG stack=" in make(folder, "run")
    assert (folder / "build" / "output.bin").stat().st_size == 9 + 4
    assert "net.c" not in make(folder, "all")
    assert "net.c" in make(folder, "all", "TRACE=1")
    (folder / "net.h").touch()
    assert "net.c" in make(folder, "all", "TRACE=1")
    assert ".arena" in make(folder, "size", "TRACE=1")
    make(folder, "clean")
    assert not (folder / "build").exists()
    make(folder, "model")
    assert {p.name for p in (folder / "build").rglob("*.o")} == {"net.o", "net_weights.o", "mg_probe.o", "mg_touch.o"}


def test_writers_are_found() -> None:
    assert {"make", "iar"} <= set(writers())


def test_self_test_sees_a_mistake(tmp_path: Path, host_gcc: str) -> None:
    folder = write(project(probe_graph()), tmp_path / "p")
    sources = [str(p) for p in (*folder.glob("*.c"), *folder.glob("runtime/*.c"), *folder.glob("example/*.c"))]

    def outcome() -> subprocess.CompletedProcess[str]:
        command = [host_gcc, *WARNINGS, "-DSELFTEST_PRINT", f"-I{folder}", f"-I{folder / 'runtime'}", *sources, "-lm"]
        done = subprocess.run([*command, "-o", str(tmp_path / "test")], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return subprocess.run([str(tmp_path / "test")], capture_output=True, text=True, check=False, timeout=20)

    assert (outcome().returncode, outcome().stdout) == (0, "net: passed\n")
    weights = folder / "net_weights.c"
    weights.write_text(weights.read_text().replace("-128,", "-127,"))
    assert (outcome().returncode, outcome().stdout) == (1, "net: FAILED\n")


def test_readme_example_compiles(tmp_path: Path, host_gcc: str) -> None:
    folder = write(project(probe_graph()), tmp_path / "p")
    readme = (folder / "README.md").read_text()
    code = re.search(r"```c\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    (folder / "example.c").write_text("int run_net(void);\n" + code[1])
    done = subprocess.run(
        [host_gcc, *WARNINGS, "-I.", "-c", "-o", "example.o", "example.c"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for macro in set(re.findall(r"\bNET_\w+", readme)) - {"NET_DEFAULT_ARENA", "NET_TRACE"}:
        assert f"#define {macro} " in (folder / "net.h").read_text(), macro


def test_licence_is_the_repository_s(repository: Path) -> None:
    assert project(probe_graph())["runtime/LICENSE"] == (repository / "LICENSE").read_bytes()
