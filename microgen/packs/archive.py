"""Pack archives (``.pack``, ZIP): checked as a whole, then unpacked into a fresh folder.

Names are checked before anything is written; sizes are counted while bytes come out, because what an archive says of
itself is not to be believed.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from microgen.errors import InputError, one_line
from microgen.packs import xmlfile
from microgen.packs.names import PackName
from microgen.packs.pdsc import Pdsc, parse_pdsc

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is (0: unknown)."""

MAX_ARCHIVE_BYTES = 1 << 31
MAX_FILES = 65_535
_MAX_FILE_BYTES = 1 << 26
_MAX_TOTAL_BYTES = 1 << 30
_MAX_DIRECTORY_BYTES = 1 << 24
_MAX_PATH = 1000
_CHUNK = 1 << 16
# Flash algorithms, examples, pictures and debugger files can be a hundred times as large and serve nothing here.
_WANTED = frozenset({".pdsc", ".c", ".h", ".inc", ".s", ".txt", ".md"})
_WANTED_NAMES = frozenset({"license", "licence", "notice", "copying"})
_END = b"PK\x05\x06"
_END_SIZE = 22
_ZIP64_LOCATOR = b"PK\x06\x07"


@dataclass(frozen=True, slots=True)
class _Entry:
    info: zipfile.ZipInfo
    path: PurePosixPath


class PackArchive:
    """An archive whose names have all been found harmless. Close it after use."""

    def __init__(self, path: Path, where: str = "") -> None:
        """``where`` is what messages call the archive, such as the address that it came from; without it, ``path``.

        Raises InputError for what is no pack, for names that leave the folder, for links, for what is too large.
        """
        self.where = where or str(path)
        _check_directory(path, self.where)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise self._broken(error) from None
        try:
            self._entries = list(self._checked())
            self.pdsc: Pdsc = self._description()
            self.name: PackName = self._pack_name()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> PackArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def _broken(self, error: Exception) -> InputError:
        return InputError(f"is no readable pack ({one_line(str(error), 120)})", where=self.where)

    def _checked(self) -> Iterator[_Entry]:
        seen: set[str] = set()
        infos = self._zip.infolist()
        if len(infos) > MAX_FILES:
            raise InputError(f"has more than {MAX_FILES:,} files", where=self.where)
        for info in infos:
            name = info.filename.replace("\\", "/")
            path = PurePosixPath(name)
            shown = one_line(info.filename, 80)
            if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/") or "\0" in name:
                raise InputError(f"a file would leave the pack's folder: {shown!r}", where=self.where)
            if len(name) > _MAX_PATH or any(ord(c) < 32 or c in ':*?"<>|' for c in name):
                raise InputError(f"a file has a name that is refused: {shown!r}", where=self.where)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise InputError(f"has something that is no plain file: {shown!r}", where=self.where)
            if info.is_dir() or name.endswith("/") or not path.parts:
                continue
            if info.flag_bits & 1:
                raise InputError(f"is encrypted: {shown!r}", where=self.where)
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError(f"is compressed in an unusual way: {shown!r}", where=self.where)
            if (key := str(path).casefold()) in seen:
                raise InputError(f"has two files of one name: {shown!r}", where=self.where)
            seen.add(key)
            yield _Entry(info, path)

    def _description(self) -> Pdsc:
        found = [e for e in self._entries if len(e.path.parts) == 1 and e.path.suffix.lower() == ".pdsc"]
        if len(found) != 1:
            what = f"has {len(found) or 'no'} descriptions (.pdsc) at its top, must be exactly one"
            raise InputError(what, where=self.where)
        data = b"".join(self._chunks(found[0], xmlfile.MAX_BYTES))
        return parse_pdsc(data, f"{self.where}: {found[0].path}")

    def _pack_name(self) -> PackName:
        return self.pdsc.newest

    def _chunks(self, entry: _Entry, limit: int) -> Iterator[bytes]:
        """The content of a file in pieces; InputError beyond ``limit`` bytes and for damage."""
        total = 0
        try:
            with self._zip.open(entry.info) as stream:
                while chunk := stream.read(_CHUNK):
                    total += len(chunk)
                    if total > limit:
                        shown = one_line(str(entry.path), 80)
                        raise InputError(f"unpacks to more than {limit:,} bytes: {shown!r}", where=self.where)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise self._broken(error) from None

    def unpack(self, folder: Path, progress: Progress) -> int:
        """Write descriptions, sources, headers and licences below ``folder``, which is empty; the number of bytes."""
        wanted = [e for e in self._entries if _is_wanted(e.path)]
        total = 0
        for number, entry in enumerate(wanted):
            progress(number, len(wanted))
            target = folder.joinpath(*entry.path.parts)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as stream:
                    for chunk in self._chunks(entry, min(_MAX_FILE_BYTES, _MAX_TOTAL_BYTES - total)):
                        total += stream.write(chunk)
            except OSError as error:
                raise InputError(f"{one_line(str(entry.path), 80)!r} cannot be written ({error.strerror})",
                                 where=self.where) from None  # fmt: skip
        progress(len(wanted), len(wanted))
        return total


def _is_wanted(path: PurePosixPath) -> bool:
    return path.suffix.lower() in _WANTED or path.stem.lower() in _WANTED_NAMES


def _check_directory(path: Path, where: str) -> None:
    """Bound the archive's table of contents before anything reads it into memory."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = max(0, size - _END_SIZE - (1 << 16) - 20)
            stream.seek(start)
            tail = stream.read(size - start)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=where) from None
    if size > MAX_ARCHIVE_BYTES:
        raise InputError(f"{size:,} bytes are more than a pack may have", where=where)
    # A table at the very end without a comment counts before one that a comment could forge.
    plain = tail[-_END_SIZE:]
    at = len(tail) - _END_SIZE if plain[:4] == _END and plain[-2:] == b"\0\0" else tail.rfind(_END)
    if at < 0 or at + _END_SIZE > len(tail):
        raise InputError("is no pack: it is no ZIP archive, or cut short", where=where)
    count, length = struct.unpack_from("<HI", tail, at + 10)
    if tail[max(0, at - 20) : at].startswith(_ZIP64_LOCATOR) or length > _MAX_DIRECTORY_BYTES:
        raise InputError(f"has more than {MAX_FILES:,} files or too long a table of contents", where=where)
    if count == 0:
        raise InputError("is no pack: the archive is empty", where=where)
