"""What project types have in common: the files that they list, macros, boards without an emulator; and sources.txt."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from microgen.codegen.environment import Render
from microgen.codegen.projects import PARTS, Writer, writers
from microgen.codegen.projects.model import ProjectModel
from microgen.target.toolchain import build_project, model_objects
from tests.support import codegen
from tests.support.codegen import evaluate, harness, pattern, probe_graph, project, write

OURS = ("cmake", "csolution", "lib", "make")


@pytest.fixture(autouse=True)
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, dict[str, bytes]]]:
    """What every writer here makes of the probe's project after a change to its model."""
    seen: list[tuple[ProjectModel, Render]] = []

    def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
        seen.append((project, render))
        return {}

    known = {name: writers()[name] for name in OURS}
    module = importlib.import_module("microgen.codegen.generate")
    monkeypatch.setattr(module, "select", lambda names: (Writer("seen", PARTS, lambda project: "", files),))

    def change(**fields: object) -> dict[str, dict[str, bytes]]:
        project(probe_graph())
        model, render = seen[-1]
        return {name: known[name].files(replace(model, **fields), render) for name in OURS}  # type: ignore[arg-type]

    return change


def test_macros_reach_every_type(changed: Callable[..., dict[str, dict[str, bytes]]]) -> None:
    written = changed(defines=("PLAIN", "WITH_VALUE=7"))
    assert "-DPLAIN -DWITH_VALUE=7" in written["make"]["Makefile"].decode()
    lists = written["cmake"]["CMakeLists.txt"].decode()
    assert re.search(r"target_compile_definitions\(net PUBLIC\s+PLAIN\s+WITH_VALUE=7\s+\)", lists)
    assert "define PLAIN\ndefine WITH_VALUE=7\n" in written["lib"]["sources.txt"].decode()
    layer = yaml.load(written["csolution"]["net.clayer.yml"], yaml.BaseLoader)["layer"]
    assert layer["define"] == ["PLAIN", {"WITH_VALUE": "7"}]


def test_include_folders_reach_every_type(changed: Callable[..., dict[str, dict[str, bytes]]]) -> None:
    written = changed(includes=(".", "runtime", "api/include"))
    assert "-I. -Iruntime -Iapi/include" in written["make"]["Makefile"].decode()
    assert '"${CMAKE_CURRENT_SOURCE_DIR}/api/include"' in written["cmake"]["CMakeLists.txt"].decode()
    assert "include api/include\n" in written["lib"]["sources.txt"].decode()
    assert "    - api/include\n" in written["csolution"]["net.clayer.yml"].decode()


def test_a_library_is_nothing_but_the_networks(tmp_path: Path, host_gcc: str) -> None:
    files, graph = project(probe_graph(), projects=("lib",)), probe_graph()
    assert not any(path.startswith(("emulator/", "board/", "example/", "Makefile", "CMake")) for path in files)
    facts: dict[str, list[str]] = {}
    for line in files["sources.txt"].decode("ascii").splitlines():
        if not line.startswith("#"):
            keyword, value = line.split(" ")
            facts.setdefault(keyword, []).append(value)
    assert sorted(facts["source"]) == sorted(path for path in files if path.endswith(".c"))
    assert facts["header"] == ["net.h"] and facts["include"] == [".", "runtime"] and facts["optimize"] == ["-O3"]
    folder = write(files, tmp_path / "p")
    (folder / "own.c").write_text(harness(graph))
    command = [host_gcc, "-std=c11", *(f"-I{f}" for f in facts["include"]), *facts["source"], "own.c", "-o", "own"]
    subprocess.run([*command, *(f"-l{name}" for name in facts["library"])], cwd=folder, check=True)
    done = subprocess.run([folder / "own"], capture_output=True, text=True, check=True)
    expected = evaluate(graph, [pattern(v) for v in graph.inputs])
    assert done.stdout.splitlines() == ["0 ok", *(expected[v].tobytes().hex() for v in graph.outputs)]


@pytest.mark.cross
@pytest.mark.parametrize("kind", ["make", "cmake"])
@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "raspberry-pi-pico"])
def test_boards_without_an_emulator(board: str, kind: str, tmp_path: Path, cmake: str) -> None:
    """Start-up code, linker script and the self-test make the program; there is nothing to run."""
    files = project(probe_graph(), board=board, projects=(kind,))
    folder = write(files, tmp_path / "p")
    built = build_project(folder)
    assert {path.parent.name for path in built.objects} >= {"board", "example"}
    assert not {"board", "example"} & {path.parent.name for path in model_objects(built)}
    assert not any(path.startswith("emulator/") for path in files)
    text = files["Makefile" if kind == "make" else "CMakeLists.txt"].decode()
    assert not re.search(r"^run:|add_custom_target\(run|qemu", text, re.MULTILINE | re.IGNORECASE)


@pytest.mark.parametrize("kind", OURS)
def test_every_project_type_says_how_to_use_it(kind: str) -> None:
    readme = project(probe_graph(), projects=(kind,))["README.md"].decode()
    words = {
        "cmake": "cmake --preset default",
        "csolution": "`net.csolution.yml`",
        "lib": "`sources.txt`",
        "make": "`make`",
    }
    assert words[kind] in readme
    assert not [word for other, word in words.items() if other != kind and word in readme]


def test_output_is_reproducible() -> None:
    once, twice = (project(probe_graph(), projects=OURS) for _ in range(2))
    assert once == twice and list(json.loads(once["CMakePresets.json"])) == list(json.loads(twice["CMakePresets.json"]))
