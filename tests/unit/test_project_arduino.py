"""The Arduino library: its properties and layout by the library specification, its .zip, includes that resolve."""

from __future__ import annotations

import posixpath
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from microgen.boards import all_boards
from microgen.codegen import sanitize
from microgen.codegen.packaging import move, zip_archive
from tests.support import codegen
from tests.support.codegen import probe_graph, project
from tests.unit.test_codegen_names import HOSTILE

# The fields of library.properties and their rules: Arduino's library specification, revision 2.2, and the schema of
# arduino-lint (etc/schemas/arduino-library-properties-definitions-schema.json).
FIELDS = {
    "name": r"(?!Arduino)[A-Za-z0-9][A-Za-z0-9 _.\-]{0,62}",
    "version": r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?",
    "author": ".+",
    "maintainer": r"(?![Aa]rduino).+",
    "sentence": ".+",
    "paragraph": ".*",
    "category": "Display|Communication|Signal Input/Output|Sensors|Device Control|Timing|"
    "Data Storage|Data Processing|Other",
    "url": r"[a-z]+:.+",
    "architectures": ".+",
    "includes": r"[\w.]+\.h(, ?[\w.]+\.h)*",
    "dot_a_linkage": "true|false",
}
_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@pytest.fixture(autouse=True)
def probe_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    codegen.use_probe_kernels(monkeypatch, tmp_path / "kernels")


def library(**options: object) -> tuple[str, dict[str, bytes], bytes]:
    """(name, files by path in the library's folder, the .zip)."""
    files = project(probe_graph(), projects=("arduino",), **options)
    inside = {path: content for path, content in files.items() if path.startswith("arduino/")}
    (archive,) = (path for path in inside if path.endswith(".zip"))
    name = posixpath.basename(archive).removesuffix(".zip")
    prefix = f"arduino/{name}/"
    assert all(path.startswith(prefix) for path in inside if path != archive)
    return name, {p.removeprefix(prefix): c for p, c in inside.items() if p != archive}, inside[archive]


def properties(files: dict[str, bytes]) -> dict[str, str]:
    lines = files["library.properties"].decode("utf-8").split("\n")
    assert lines.pop() == ""
    pairs = [(key, value) for key, _, value in (line.partition("=") for line in lines)]
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def check_properties(files: dict[str, bytes]) -> dict[str, str]:
    found = properties(files)
    assert set(found) == set(FIELDS)
    for key, value in found.items():
        assert re.fullmatch(FIELDS[key], value), (key, value)
        assert value == value.strip() and value.isprintable()
    return found


@pytest.mark.parametrize("name", ["net", "Arduino_net", "x" * 48])
def test_layout(name: str) -> None:
    folder, files, _ = library(name=name)
    found = check_properties(files)
    assert found["name"] == folder and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}", folder)
    assert found["includes"] == f"{name}.h"
    # Headers in src/ itself are the interface; a sketch has its folder's name.
    assert [path for path in files if re.fullmatch(r"src/[^/]+", path)] == [f"src/{name}.h"]
    assert {"LICENSE", "keywords.txt", "examples/SelfTest/SelfTest.ino", "src/network/microgen_nn.h"} <= files.keys()
    assert b"Apache License" in files["LICENSE"]
    assert not [path for path in files if "/." in path or " " in path]


def test_every_include_resolves_from_src_alone() -> None:
    _, files, _ = library()
    checked = 0
    for path, content in files.items():
        if not path.endswith((".c", ".h", ".ino")):
            continue
        for name in _INCLUDE.findall(content.decode("utf-8")):
            folders = (posixpath.dirname(path), "src")
            targets = {posixpath.normpath(posixpath.join(folder, name)) for folder in folders}
            assert targets & files.keys(), (path, name)
            checked += 1
    assert checked > 5


def test_architectures_follow_the_board() -> None:
    for board in all_boards():
        found = properties(library(board=board.name)[1])["architectures"].split(",")
        assert ("rp2040" in found, "stm32" in found, "nrf52" in found, "*" in found) == {
            "RPi": (True, False, False, False),
            "STMicroelectronics": (False, True, False, False),
            "Nordic Semiconductor": (False, False, True, False),
        }.get(board.vendor.partition(":")[0], (False, False, False, True)), board.name


def test_keywords_are_separated_by_tabs() -> None:
    _, files, _ = library()
    lines = [line for line in files["keywords.txt"].decode().splitlines() if line and not line.startswith("#")]
    rows = dict(line.split("\t") for line in lines)
    assert rows["net_t"] == "KEYWORD1" and rows["net_invoke"] == "KEYWORD2" and rows["NET_ARENA_BYTES"] == "LITERAL1"


def test_zip_is_the_folder() -> None:
    name, files, content = library()
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert {n: archive.read(n) for n in archive.namelist()} == {f"{name}/{p}": c for p, c in files.items()}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert library()[2] == content


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_models(text: str) -> None:
    _, files, _ = library(model_file=text or "x")
    check_properties(files)


@pytest.mark.parametrize("text", HOSTILE)
def test_properties_sanitizer(text: str) -> None:
    safe = sanitize.properties(text)
    assert len(safe.splitlines()) <= 1 and safe == safe.strip()
    safe.encode("utf-8")


def test_a_header_of_the_core_is_not_hidden() -> None:
    assert sanitize.c_identifier("Arduino") == "model_Arduino"


def test_moved_files_find_their_headers() -> None:
    contents = {
        "a.c": b'#include "a.h"\n  #  include "k.h" // why\n#include <b.h>\n#include "system.h"\nx "k.h"\n',
        "a.h": b"",
        "k/k.h": b'#include "deep/d.h"\r\n#include "l.h"\r\n',
        "k/l.h": b"",
        "i/deep/d.h": b'#include "../../k/l.h"\n',
    }
    moves = {"a.c": "s/n/a.c", "a.h": "s/a.h", "k/k.h": "s/n/k.h", "k/l.h": "s/other/l.h", "i/deep/d.h": "s/n/q/d.h"}
    moved = move(moves, contents, (".", "k", "i"), "s")
    assert set(moved) == set(moves.values())
    assert moved["s/n/a.c"] == contents["a.c"]
    assert moved["s/n/k.h"] == b'#include "q/d.h"\r\n#include "../other/l.h"\r\n'
    assert moved["s/n/q/d.h"] == b'#include "../../other/l.h"\n'


def test_archive_does_not_depend_on_order() -> None:
    assert zip_archive({"b": b"1", "a/c": b"2"}) == zip_archive({"a/c": b"2", "b": b"1"})
