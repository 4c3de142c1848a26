"""Packs come into the cache: from a file, from an address, from the index by name."""

from __future__ import annotations

import difflib
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from microgen.errors import InputError, NetworkError, UsageError, one_line
from microgen.packs import download, xmlfile
from microgen.packs.archive import MAX_ARCHIVE_BYTES, PackArchive
from microgen.packs.cache import Cache, Installed
from microgen.packs.download import Address
from microgen.packs.index import Entry, index_url, parse_index
from microgen.packs.names import PackName, parse_request
from microgen.packs.pdsc import Pdsc, Release, parse_pdsc, read_bounded
from microgen.packs.version import Version

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done and how much there is (0: unknown)."""

_FORMS = "Give FILE.pack, FILE.pdsc, VENDOR::PACK[@VERSION] or https://…"
_INDEX_SECONDS = 86_400
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def tell_nobody(what: str, done: int, total: int) -> None:
    """A callback that tells nobody."""


@dataclass(frozen=True, slots=True)
class Request:
    """How to add: ``index`` replaces the default index; ``description_only`` leaves out the archive, which is enough
    for devices; ``sha256`` is the digest that the file must have, or empty; ``told`` hears of the progress.
    """

    index: str = ""
    description_only: bool = False
    sha256: str = ""
    told: Told = tell_nobody

    def __post_init__(self) -> None:
        if self.sha256 and not _SHA256.fullmatch(self.sha256):
            raise UsageError("must be 64 hexadecimal digits", where="--sha256")


@dataclass(frozen=True, slots=True)
class Added:
    """A pack that is now installed; ``is_new`` unless it was before; ``sha256`` of the file that it came from."""

    pack: Installed
    is_new: bool
    sha256: str = ""


def add(cache: Cache, source: str, request: Request = Request()) -> Added:
    """Install a pack from a file, an address or by name. Nothing is left behind where that fails.

    Raises InputError, UsageError and NetworkError.
    """
    if (named := parse_request(source)) is not None:
        return _add_named(cache, *named, request)
    if source.lower().startswith(("http://", "https://")):
        return _add_url(cache, Address(source, given=True), request)
    path = Path(source)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{what}, so it is no pack", where=source, hint=_FORMS)
    return _add_file(cache, path, request)


def _add_file(cache: Cache, path: Path, request: Request) -> Added:
    """Install a ``.pdsc`` (the description alone) or a ``.pack``."""
    if path.suffix.lower() == ".pdsc":
        data = read_bounded(path, xmlfile.MAX_BYTES)
        digest = _check_digest(hashlib.sha256(data).hexdigest(), request, str(path))
        return _install_description(cache, data, parse_pdsc(data, str(path)), digest)
    with cache.staging() as folder:
        return _install_archive(cache, path, folder, request)


def _add_url(cache: Cache, address: Address, request: Request) -> Added:
    name = address.url.partition("?")[0].rpartition("/")[2]
    if name.lower().endswith(".pdsc"):
        data = download.fetch(address, xmlfile.MAX_BYTES, partial(request.told, name))
        digest = _check_digest(hashlib.sha256(data).hexdigest(), request, address.url)
        return _install_description(cache, data, parse_pdsc(data, address.url), digest)
    with cache.staging() as folder:
        path = folder / "download.pack"
        download.fetch_to(address, path, MAX_ARCHIVE_BYTES, partial(request.told, one_line(name, 60) or address.url))
        return _install_archive(cache, path, folder, request, where=address.url)


def _add_named(cache: Cache, vendor: str, pack: str, version: Version | None, request: Request) -> Added:
    entry = entry_for(cache, vendor, pack, request)
    data, pdsc = fetch_description(entry, request.told)
    release = _release(pdsc, version)
    name = PackName(pdsc.vendor, pdsc.name, release.version)
    known = cache.find(name)
    if known is not None and (request.description_only or known.has_files):
        return Added(known, is_new=False)
    if request.description_only:
        if name != pdsc.newest:
            hint = "Leave out --description-only or the version"
            raise UsageError(
                f"only version {pdsc.newest.version} has its description in the index", where=str(name), hint=hint
            )
        return _install_description(cache, data, pdsc, hashlib.sha256(data).hexdigest())
    folder_url = Address(pdsc.url or entry.url)
    address = Address(release.url) if release.url else folder_url.below(name.pack_file)
    with cache.staging() as folder:
        path = folder / "download.pack"
        download.fetch_to(address, path, MAX_ARCHIVE_BYTES, partial(request.told, str(name)))
        return _install_archive(cache, path, folder, request, where=address.url, expected=name)


def _release(pdsc: Pdsc, version: Version | None) -> Release:
    if version is None:
        published = [r for r in pdsc.releases if r.version.is_release and not r.deprecated]
        return (published or pdsc.releases)[0]
    found = next((release for release in pdsc.releases if release.version == version), None)
    if found is None:
        listed = ", ".join(str(release.version) for release in pdsc.releases[:5])
        raise UsageError(
            f"has no version {version}", where=f"{pdsc.vendor}::{pdsc.name}", hint=f"The newest are {listed}"
        )
    return found


def _check_digest(digest: str, request: Request, where: str) -> str:
    if request.sha256 and digest != request.sha256.lower():
        raise InputError(f"has the SHA-256 digest {digest}, not the one that was given", where=where)
    return digest


def _install_description(cache: Cache, data: bytes, pdsc: Pdsc, digest: str) -> Added:
    name = pdsc.newest
    known = cache.find(name)
    if known is not None and (known.has_files or known.pdsc_path.read_bytes() == data):
        return Added(known, is_new=False, sha256=digest)
    with cache.staging() as folder:
        (folder / "new").mkdir()
        (folder / "new" / name.pdsc_file).write_bytes(data)
        return Added(cache.install(name, folder / "new", folder / "old"), is_new=True, sha256=digest)


def _install_archive(
    cache: Cache, path: Path, folder: Path, request: Request, *, where: str = "", expected: PackName | None = None
) -> Added:
    """Unpack the archive ``path`` in the staging folder and install it."""
    shown = where or str(path)
    digest = _check_digest(_digest(path), request, shown)
    with PackArchive(path, shown) as archive:
        if expected is not None and archive.name != expected:
            raise InputError(f"holds {archive.name}, {expected} was expected", where=shown)
        known = cache.find(archive.name)
        if known is not None and known.has_files:
            return Added(known, is_new=False, sha256=digest)
        fresh = folder / "new"
        fresh.mkdir()
        archive.unpack(fresh, partial(request.told, f"unpack {archive.name}"))
        # The description lies under the name that its content says, whatever the archive called it.
        described = next(p for p in fresh.iterdir() if p.suffix.lower() == ".pdsc")
        described.rename(fresh / archive.name.pdsc_file)
        return Added(cache.install(archive.name, fresh, folder / "old"), is_new=True, sha256=digest)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None


def fetch_index(cache: Cache, request: Request) -> tuple[Entry, ...]:
    """Download the index and keep it."""
    address = Address(request.index or index_url(), given=True)
    data = download.fetch(address, xmlfile.MAX_BYTES, partial(request.told, "index of packs"))
    entries = parse_index(data, address.url)
    cache.keep("index.pidx", data)
    return entries


def kept_index(cache: Cache) -> tuple[Entry, ...]:
    """The index that was downloaded last; empty where none was."""
    if not cache.index_path.is_file():
        return ()
    return parse_index(read_bounded(cache.index_path, xmlfile.MAX_BYTES), str(cache.index_path))


def entry_for(cache: Cache, vendor: str, pack: str, request: Request) -> Entry:
    """A pack's entry in the index, which is downloaded where it is missing, over a day old or another one is asked for.

    Raises UsageError for a pack that is not in it, with near names.
    """
    entries: tuple[Entry, ...] = ()
    if not request.index and cache.index_path.is_file():
        entries = kept_index(cache)
        if time.time() - cache.index_path.stat().st_mtime > _INDEX_SECONDS:
            entries = _refreshed(cache, request) or entries
    if not entries:
        entries = fetch_index(cache, request)
    wanted = f"{vendor}::{pack}"
    found = next((e for e in entries if e.name.family == wanted), None)
    found = found or next((e for e in entries if e.name.family.lower() == wanted.lower()), None)
    if found is None:
        near = difflib.get_close_matches(wanted, [e.name.family for e in entries], n=3, cutoff=0.6)
        hint = f"Did you mean {' or '.join(near)}?" if near else "microgen packs update downloads the newest index"
        raise UsageError("is not in the index of packs", where=wanted, hint=hint)
    return found


def _refreshed(cache: Cache, request: Request) -> tuple[Entry, ...]:
    """The newest index; empty without a network, where the older one serves."""
    try:
        return fetch_index(cache, request)
    except NetworkError:
        return ()


def fetch_description(entry: Entry, told: Told = tell_nobody) -> tuple[bytes, Pdsc]:
    """The description of a pack of the index. InputError where the server has another pack's there."""
    address = Address(entry.url).below(entry.name.pdsc_file)
    data = download.fetch(address, xmlfile.MAX_BYTES, partial(told, entry.name.pdsc_file))
    pdsc = parse_pdsc(data, address.url)
    if (pdsc.vendor, pdsc.name) != (entry.name.vendor, entry.name.name):
        what = f"describes {pdsc.vendor}::{pdsc.name}, {entry.name.family} was expected"
        raise InputError(what, where=address.url)
    return data, pdsc
