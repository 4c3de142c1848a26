"""The Zephyr module: module.yml by the schema's keys, Kconfig read by kconfiglib, files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import kconfiglib
import pytest
import yaml

from microgen.boards import load_board
from microgen.codegen import sanitize
from tests.support import codegen
from tests.support.codegen import probe_graph, project, write
from tests.support.stub_builds import SUPPORT, board_symbols
from tests.unit.test_codegen_names import HOSTILE

# From Zephyr's scripts/zephyr_module.py: the keys of module.yml that this module uses and what they hold.
MODULE_KEYS = {"name": str, "build": dict, "samples": list}
BUILD_KEYS = {"cmake": str, "kconfig": str}
SAMPLE = "zephyr/samples/selftest"


@pytest.fixture(autouse=True)
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


def module(folder: Path, **options: object) -> Path:
    return write(project(probe_graph(), projects=("zephyr",), **options), folder)


def read_kconfig(folder: Path, board: str, monkeypatch: pytest.MonkeyPatch) -> kconfiglib.Kconfig:
    """The module's symbols among those of the stand-in for Zephyr; warnings fail the test."""
    for name, value in board_symbols(load_board(board)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STUB_MODULES_KCONFIG", str(folder / "zephyr" / "Kconfig"))
    found = kconfiglib.Kconfig(str(SUPPORT / "zephyr_stub" / "Kconfig"), warn_to_stderr=False)
    assert found.warnings == []
    # Kconfig takes a name that nothing defines for "n" without a word.
    undefined = {symbol.name for symbol in found.syms.values() if not symbol.nodes and not symbol.name.isdigit()}
    assert undefined <= {"MODULES"}
    return found


def test_module_yml(tmp_path: Path) -> None:
    folder = module(tmp_path / "p")
    document = yaml.safe_load((folder / "zephyr" / "module.yml").read_text())
    assert {key: type(value) for key, value in document.items()} == MODULE_KEYS
    assert {key: type(value) for key, value in document["build"].items()} == BUILD_KEYS
    assert (folder / document["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (folder / document["build"]["kconfig"]).is_file()
    assert all((folder / path).is_dir() for path in document["samples"])
    sample = yaml.safe_load((folder / SAMPLE / "sample.yaml").read_text())
    assert sample["tests"] and re.compile(sample["common"]["harness_config"]["regex"][0]).search("self-test passed")


def test_cmake_names_files_that_exist(tmp_path: Path) -> None:
    folder = module(tmp_path / "p")
    for cmake, variables in (
        ("zephyr/CMakeLists.txt", {"NETWORK": folder, "CMAKE_CURRENT_LIST_DIR": folder / "zephyr"}),
        (f"{SAMPLE}/CMakeLists.txt", {"NETWORK": folder, "CMAKE_CURRENT_LIST_DIR": folder / SAMPLE}),
    ):
        text = (folder / cmake).read_text()
        paths = re.findall(r"\$\{(NETWORK|CMAKE_CURRENT_LIST_DIR)\}(/[\w/.]+)", text)
        assert paths
        for variable, path in paths:
            assert (variables[variable] / path.lstrip("/")).exists(), path
    listed = set(re.findall(r"/(\w[\w/]*\.c)", (folder / "zephyr" / "CMakeLists.txt").read_text()))
    wanted = {path.relative_to(folder).as_posix() for path in (*folder.glob("*.c"), *folder.glob("runtime/*.c"))}
    assert listed == {*wanted, "arena.c"}


def test_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kconfig = read_kconfig(module(tmp_path / "p", optimize="size"), "mps2-an386", monkeypatch)
    symbols = kconfig.syms
    assert symbols["MICROGEN_NET"].str_value == "n" and symbols["MICROGEN_NET_ARENA"].str_value == "n"
    kconfig.load_config(str(tmp_path / "p" / SAMPLE / "prj.conf"))
    assert kconfig.warnings == []
    values = {name: symbols[f"MICROGEN_NET_{name}"].str_value for name in ("ARENA", "SPEED", "TRACE", "ARENA_PLACED")}
    assert values == {"ARENA": "y", "SPEED": "n", "TRACE": "n", "ARENA_PLACED": "n"}
    symbols["MICROGEN_NET_ARENA_SECTION"].set_value("DTCM")
    assert symbols["MICROGEN_NET_ARENA_PLACED"].str_value == "y"
    symbols["MICROGEN_NET_ARENA"].set_value(0)
    assert symbols["MICROGEN_NET_ARENA_PLACED"].str_value == "n"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_models(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = module(tmp_path / "p", model_file=text or "x")
    ours = {name for name in read_kconfig(folder, "mps2-an386", monkeypatch).syms if name.startswith("MICROGEN")}
    suffixes = ("", "_SPEED", "_ARENA", "_ARENA_SECTION", "_ARENA_PLACED", "_TRACE")
    assert ours == {f"MICROGEN_NET{suffix}" for suffix in suffixes}
    usual = module(tmp_path / "q")
    build_files = ("zephyr/CMakeLists.txt", "zephyr/module.yml", f"{SAMPLE}/CMakeLists.txt", f"{SAMPLE}/prj.conf")
    assert all((folder / path).read_bytes() == (usual / path).read_bytes() for path in build_files)


@pytest.mark.parametrize("text", HOSTILE)
def test_kconfig_sanitizer(text: str) -> None:
    safe = sanitize.kconfig(text)
    assert len(safe) == len(text)
    assert safe.isascii() and not set(safe) & set("\"'$\\#\n\r\t`<>")
