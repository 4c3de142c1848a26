"""Archives of packs from outside: what is unpacked, and what is refused before anything lies outside of the folder."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgen.errors import InputError, MicrogenError
from microgen.packs import Cache, Request, add, archive, default_root
from microgen.packs.adding import Added
from tests.support import packs

PDSC = "Acme.Acme_DFP.pdsc"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.delenv("CMSIS_PACK_ROOT", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    return Cache(tmp_path / "cache")


def files_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_descriptions_sources_headers_and_licences_are_unpacked(tmp_path: Path, cache: Cache) -> None:
    names = ("Include/a.h", "Source/Deep/b.c", "Flash/algorithm.FLM", "Docs/picture.png", "LICENSE", "win\\dows.h")
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), **dict.fromkeys(names, b"content")})
    told: list[tuple[str, int, int]] = []
    added = add(cache, str(path), Request(told=lambda *step: told.append(step)))
    assert added.is_new and added.pack.has_files
    assert files_below(cache.root) == [
        f"Acme/Acme_DFP/1.2.0/{name}"
        for name in (PDSC, "Include/a.h", "LICENSE", "Source/Deep/b.c", "win/dows.h")
    ]  # fmt: skip
    assert told[-1] == ("unpack Acme::Acme_DFP@1.2.0", 5, 5)
    assert [str(p.name) for p in cache.installed()] == ["Acme::Acme_DFP@1.2.0"]
    again = add(cache, str(path))
    assert not again.is_new and again.sha256 == added.sha256 and len(added.sha256) == 64


def test_a_description_alone_is_replaced_by_the_whole_pack(tmp_path: Path, cache: Cache) -> None:
    lone = tmp_path / "somewhere.pdsc"
    lone.write_bytes(packs.pdsc())
    assert not add(cache, str(lone)).pack.has_files
    assert not add(cache, str(lone)).is_new
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), "a.c": b"x"})
    assert add(cache, str(path)).pack.has_files
    assert not add(cache, str(lone)).is_new, "a description does not replace the pack"
    assert files_below(cache.root) == [f"Acme/Acme_DFP/1.2.0/{PDSC}", "Acme/Acme_DFP/1.2.0/a.c"]


def test_an_edited_description_of_the_same_version_is_taken(tmp_path: Path, cache: Cache) -> None:
    lone = tmp_path / "mine.pdsc"
    lone.write_bytes(packs.pdsc())
    add(cache, str(lone))
    edited = packs.pdsc().replace(b"216000000", b"100000000")
    lone.write_bytes(edited)
    added = add(cache, str(lone))
    assert added.is_new and added.pack.pdsc_path.read_bytes() == edited


def refused(cache: Cache, path: Path, *words: str) -> None:
    before = files_below(path.parent)
    with pytest.raises(InputError) as caught:
        add(cache, str(path))
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_below(path.parent) == before, "something was left behind"
    assert cache.installed() == []


@pytest.mark.parametrize(
    "name",
    ["../evil.h", "a/../../evil.h", "/tmp/evil.h", "..\\evil.h", "C:/evil.h", "c:\\evil.h", "a/b/../../../e.h", ".."],
)
def test_names_that_leave_the_folder(name: str, tmp_path: Path, cache: Cache) -> None:
    refused(cache, packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), name: b"x"}), "leave the pack's folder")


@pytest.mark.parametrize("name", ["a\nb.h", "ab:c.h", "what?.h", "x" * 1100 + ".h", "tab\t.c"])
def test_names_that_are_refused(name: str, tmp_path: Path, cache: Cache) -> None:
    refused(cache, packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), name: b"x"}), "a name that is refused")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices(kind: int, tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "x.pack"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(PDSC, packs.pdsc())
        link = zipfile.ZipInfo("link.h")
        link.external_attr = (kind | 0o777) << 16
        made.writestr(link, "/etc/passwd")
    refused(cache, path, "no plain file", "link.h")


def test_two_files_of_one_name(tmp_path: Path, cache: Cache) -> None:
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), "A/b.h": b"x", "a/B.h": b"y"})
    refused(cache, path, "two files of one name")


def test_bombs_are_refused_by_what_comes_out(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), "bomb.c": bytes(3_000_000)})
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(archive, "_MAX_FILE_BYTES", 1_000_000)
    refused(cache, path, "unpacks to more than 1,000,000 bytes", "bomb.c")
    monkeypatch.undo()
    monkeypatch.setattr(archive, "_MAX_TOTAL_BYTES", 2_000_000)
    many = {f"{n}.c": bytes(900_000) for n in range(3)}
    refused(cache, packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), **many}), "unpacks to more than")


def test_a_size_that_the_archive_lies_about(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of contents says 10 bytes; what counts is what comes out, and the two must agree."""
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), "bomb.c": bytes(2_000_000)})
    data = bytearray(path.read_bytes())
    at = 0
    while (at := data.find(struct.pack("<I", 2_000_000), at)) >= 0:
        data[at : at + 4] = struct.pack("<I", 10)
        at += 4
    path.write_bytes(data)
    monkeypatch.setattr(archive, "_MAX_FILE_BYTES", 1_000_000)
    refused(cache, path)


def test_a_description_that_is_a_bomb(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgen.packs.xmlfile.MAX_BYTES", 5000)
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: b"<package>" + b" " * 100_000 + b"</package>"})
    refused(cache, path, "unpacks to more than 5,000 bytes")


def test_counts_are_bounded(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), **{f"{n}.c": b"" for n in range(20)}})
    monkeypatch.setattr(archive, "MAX_FILES", 10)
    refused(cache, path, "more than 10 files")
    monkeypatch.undo()
    monkeypatch.setattr(archive, "_MAX_DIRECTORY_BYTES", 100)
    refused(cache, path, "too long a table of contents")
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 100)
    refused(cache, path, "more than a pack may have")


def test_a_table_of_contents_of_64_bits_is_refused(tmp_path: Path, cache: Cache) -> None:
    """Its counts would replace those that were checked."""
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc()})
    data = path.read_bytes()
    locator = b"PK\x06\x07" + bytes(16)
    path.write_bytes(data[:-22] + locator + data[-22:])
    refused(cache, path, "table of contents")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.c": b"x"}, "has no descriptions"),
        ({"sub/Acme.Acme_DFP.pdsc": packs.pdsc()}, "has no descriptions"),
        ({PDSC: packs.pdsc(), "Other.Pack.pdsc": packs.pdsc()}, "has 2 descriptions"),
        ({PDSC: b"<!DOCTYPE package><package/>"}, "document type"),
        ({PDSC: packs.pdsc(vendor="../..")}, "cannot name a folder"),
        ({PDSC: packs.pdsc(versions=("../../1",))}, "no version"),
        ({PDSC: packs.pdsc(versions=())}, "names no release"),
    ],
)
def test_what_is_no_pack(files: dict[str, bytes], said: str, tmp_path: Path, cache: Cache) -> None:
    refused(cache, packs.write_pack(tmp_path / "x.pack", files), said)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive(content: bytes, tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "x.pack"
    path.write_bytes(content)
    refused(cache, path, "is no pack")


def test_encrypted_and_unusually_compressed(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "x.pack"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as made:
        made.writestr(PDSC, packs.pdsc())
    refused(cache, path, "unusual way")
    data = bytearray(packs.write_pack(path, {PDSC: packs.pdsc()}).read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refused(cache, path, "encrypted")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2500), noise=st.binary(min_size=1, max_size=40), cut=st.booleans())
def test_damaged_archives_are_refused_or_whole(at: int, noise: bytes, cut: bool, tmp_path: Path, cache: Cache) -> None:
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), "a.c": b"hello" * 50})
    data = path.read_bytes()
    at %= len(data)
    path.write_bytes(data[:at] if cut else data[:at] + noise + data[at + len(noise) :])
    outside = set(files_below(tmp_path))
    added: Added | None = None
    with contextlib.suppress(MicrogenError):
        added = add(cache, str(path))
    left = {f for f in files_below(tmp_path) if not f.startswith("cache/")} - outside
    assert not left and not files_below(cache.root / ".staging")
    if added is not None:
        cache.remove(added.pack)


def test_a_digest_is_compared(tmp_path: Path, cache: Cache) -> None:
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc()})
    with pytest.raises(InputError, match="SHA-256 digest"):
        add(cache, str(path), Request(sha256="0" * 64))
    assert cache.installed() == []
    digest = add(cache, str(path)).sha256
    assert add(cache, str(path), Request(sha256=digest.upper())).sha256 == digest


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interruption_leaves_nothing(stop: type[BaseException], tmp_path: Path, cache: Cache) -> None:
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), "a.c": b"x", "b.c": b"y"})

    def interrupt(what: str, done: int, total: int) -> None:
        if done == 2:
            raise stop

    with pytest.raises(stop):
        add(cache, str(path), Request(told=interrupt))
    assert files_below(cache.root) == [] and cache.installed() == []
    assert add(cache, str(path)).is_new


def test_what_killed_processes_leave_is_cleared(tmp_path: Path, cache: Cache) -> None:
    left, fresh = cache.root / ".staging" / "left", cache.root / ".staging" / "fresh"
    for folder in (left, fresh):
        folder.mkdir(parents=True)
        (folder / "half.pack").write_bytes(b"x")
    os.utime(left, (0, 0))
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc()})
    add(cache, str(path))
    assert not left.exists() and fresh.exists(), "another process may still be at work in a fresh one"


def test_processes_at_the_same_time(tmp_path: Path, cache: Cache) -> None:
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc(), **{f"{n}.c": b"x" * 1000 for n in range(50)}})
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: add(cache, str(path)), range(24)))
    assert sum(r.is_new for r in results) >= 1
    assert len(files_below(cache.root)) == 51 and not files_below(cache.root / ".staging")
    assert {r.pack.folder for r in results} == {cache.root / "Acme" / "Acme_DFP" / "1.2.0"}


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    path = packs.write_pack(tmp_path / "x.pack", {PDSC: packs.pdsc()})
    with pytest.raises(InputError, match="cannot be written") as caught:
        add(Cache(blocked / "cache"), str(path))
    assert "MICROGEN_PACKS" in caught.value.hint


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "missing.pack", "does not exist"),
        (lambda folder: Path("CMSIS-NN"), "does not exist"),
    ],
)
def test_sources_that_are_none(make: Callable[[Path], Path], said: str, tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(InputError, match=said) as caught:
        add(cache, str(make(tmp_path)))
    assert "VENDOR::PACK" in caught.value.hint


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"MICROGEN_PACKS": "/here/packs"}, "/here/packs"),
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/microgen/packs"),
        ("linux", {}, "/home/me/.cache/microgen/packs"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "/home/me/Library/Caches/microgen/packs"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/microgen/packs"),
    ],
)
def test_the_folder_of_a_user(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MICROGEN_PACKS", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**variables, "HOME": "/home/me"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert default_root() == Path(expected)
