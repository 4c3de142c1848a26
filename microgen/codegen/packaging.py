"""Copies of a project in another shape: archives with the same bytes every time, versions, moved files."""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import zipfile
from collections.abc import Mapping, Sequence

_INCLUDE = re.compile(rb'^([ \t]*#[ \t]*include[ \t]*")([^"\r\n]+)(")', re.MULTILINE)
_ISA_LIMIT = re.compile(rb"^#define MG_ISA_LIMIT ([012])\b", re.MULTILINE)
_ISAS = ("portable", "dsp", "mve")
_RELEASE = re.compile(r"\d+(?:\.\d+){0,2}")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the oldest that the format knows
_UNIX, _REGULAR_FILE = 3, 0o100644


def kernel_isa(contents: Mapping[str, bytes]) -> str:
    """The instruction set that a project's kernels were chosen for (``portable``, ``dsp`` or ``mve``), which its header
    ``runtime/microgen_nn.h`` says: the board's own, or less where a user asked for that or no kernel has a choice.
    """
    found = _ISA_LIMIT.search(contents["runtime/microgen_nn.h"])
    return _ISAS[int(found[1])] if found is not None else _ISAS[0]


def release(version: str) -> str:
    """The ``major.minor.patch`` that a version of microgen starts with; ``0.0.0`` for one that starts otherwise."""
    found = _RELEASE.match(version)
    parts = found[0].split(".") if found else []
    return ".".join(str(int(part)) for part in [*parts, "0", "0", "0"][:3])


def content_version(version: str, files: Mapping[str, bytes]) -> str:
    """A semantic version of generated files: microgen's release, with a digest of all paths and bytes as build
    metadata. Every file of a network carries the digest of its model, so that another model is another version.
    """
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(hashlib.sha256(path.encode("utf-8")).digest() + hashlib.sha256(content).digest())
    return f"{release(version)}+{digest.hexdigest()[:12]}"


def zip_archive(files: Mapping[str, bytes]) -> bytes:
    """A .zip of ``files``: the same bytes on every machine, hence stored and not compressed, sorted, without a date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path, content in sorted(files.items()):
            info = zipfile.ZipInfo(path, _ZIP_TIME)
            info.create_system = _UNIX
            info.external_attr = _REGULAR_FILE << 16
            archive.writestr(info, content)
    return stream.getvalue()


def move(
    moves: Mapping[str, str], contents: Mapping[str, bytes], includes: Sequence[str], root: str
) -> dict[str, bytes]:
    """The files ``moves`` (old path → new path) at their new paths, for a compiler that searches ``root`` alone.

    An ``#include "…"`` that found its file in the includer's folder or in one of ``includes`` finds it again: the text
    between the quotes is replaced by a relative path where that is needed, and stays as it is where it is not.
    """
    return {new: _with_includes(old, new, moves, contents, includes, root) for old, new in moves.items()}


def _with_includes(
    old: str,
    new: str,
    moves: Mapping[str, str],
    contents: Mapping[str, bytes],
    includes: Sequence[str],
    root: str,
) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        name = match[2].decode("utf-8", "surrogateescape")
        folders = (posixpath.dirname(old), *includes)
        candidates = (posixpath.normpath(posixpath.join(folder, name)) for folder in folders)
        target = next((path for path in candidates if path in moves), None)
        if target is None:
            return match[0]
        beside, wanted = posixpath.dirname(new), moves[target]
        if wanted in (posixpath.normpath(posixpath.join(folder, name)) for folder in (beside, root)):
            return match[0]
        return match[1] + posixpath.relpath(wanted, beside).encode("utf-8", "surrogateescape") + match[3]

    return _INCLUDE.sub(replace, contents[old])
