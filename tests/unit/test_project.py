"""Writing projects: whole or not at all, and never over anybody's work."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from microgen.errors import InputError, UsageError
from microgen.project import open_project, sha256, write_project

BOARD = "mps2-an386"


def project(**changes: bytes) -> dict[str, bytes]:
    return {"a.c": b"int a;\n", "runtime/b.c": b"int b;\n", **changes}


def manifest(files: dict[str, bytes], folder: Path) -> dict[str, bytes]:
    """``files`` with a manifest that names them, as code generation makes it."""
    import hashlib

    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, "manifest.json": json.dumps({"files": digests}).encode()}


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_new_project_and_nothing_beside_it(tmp_path: Path) -> None:
    files = manifest(project(), tmp_path)
    write_project(files, tmp_path / "deep" / "out")
    assert content(tmp_path / "deep" / "out") == files
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_project(manifest(project(), tmp_path), tmp_path / "out")
    assert (tmp_path / "out" / "a.c").is_file()


def test_regenerating_replaces_ours_and_keeps_theirs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_project(manifest(project(**{"old.c": b"old"}), out), out)
    (out / "notes" / "mine.txt").parent.mkdir()
    (out / "notes" / "mine.txt").write_text("keep me")
    (out / "build").mkdir()
    (out / "build" / "x.o").write_text("stale")
    files = manifest(project(**{"a.c": b"int a2;\n"}), out)
    write_project(files, out)
    assert content(out) == {**files, "notes/mine.txt": b"keep me"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["foreign folder", "file", "edited", "broken manifest", "foreign manifest"])
def test_what_is_not_ours_is_left_alone(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if kind == "foreign folder":
        out.mkdir()
        (out / "thesis.txt").write_text("years of work")
    elif kind == "file":
        out.write_text("a file")
    else:
        write_project(manifest(project(), out), out)
        if kind == "edited":
            (out / "a.c").write_text("int improved;\n")
        else:
            (out / "manifest.json").write_text("{" if kind == "broken manifest" else '{"name": "web app"}')
    before = content(tmp_path)
    with pytest.raises((UsageError, InputError)) as error:
        write_project(manifest(project(), out), out)
    assert "out" in str(error.value)
    assert content(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_project(manifest(project(), tmp_path), tmp_path / "file" / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; test_an_unwritable_place is checked instead")
def test_a_read_only_folder_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        write_project(manifest(project(), tmp_path), tmp_path / "out")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"name": "x", "board": "mps2-an386", "inputs": 3, "outputs": []}']
)
def test_opening_a_damaged_project_is_a_clear_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        open_project(tmp_path)


def test_opening_nothing_says_how_to_make_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="microgen compile"):
            open_project(folder)


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256(tmp_path / "x").startswith("ba7816bf")
