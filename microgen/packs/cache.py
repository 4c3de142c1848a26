"""The folders that hold packs, laid out as CMSIS-Toolbox does: ``<vendor>/<pack>/<version>/``, ``.Web/`` for the index.

microgen's own cache is written; that of CMSIS-Toolbox (``CMSIS_PACK_ROOT``) and what ``cmsis-pack-manager`` (pyOCD)
downloaded are only read. A pack enters the cache by one renaming, so that several processes can share it and an
interrupted one leaves nothing behind that could be taken for a pack.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from microgen.errors import InputError
from microgen.packs.names import PackName
from microgen.packs.pdsc import Pdsc, read_pdsc
from microgen.packs.version import Version

ROOT_VARIABLE = "MICROGEN_PACKS"
TOOLBOX_VARIABLE = "CMSIS_PACK_ROOT"
WEB = ".Web"
INDEX_FILE = "index.pidx"
_STAGING = ".staging"
_STALE_SECONDS = 86_400
_FLAT = re.compile(r"([^.]+)\.(.+?)\.(\d+\.\d+.*)\.pdsc")


@dataclass(frozen=True, slots=True)
class Installed:
    """A pack in a cache. ``owner`` is microgen, CMSIS-Toolbox or pyOCD; ``folder`` holds at least its description."""

    name: PackName
    pdsc_path: Path
    owner: str

    @property
    def folder(self) -> Path:
        """The folder of the pack's files."""
        return self.pdsc_path.parent

    @property
    def has_files(self) -> bool:
        """Whether more than the description is there."""
        return self.owner != "pyOCD" and any(path != self.pdsc_path for path in self.folder.iterdir())

    def read(self) -> Pdsc:
        """Its description."""
        return read_pdsc(self.pdsc_path)


def default_root() -> Path:
    """``MICROGEN_PACKS``, else the platform's folder for a user's caches."""
    if given := os.environ.get(ROOT_VARIABLE):
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "microgen" / "packs"


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache in the folder ``root``, which need not exist yet."""

    root: Path

    @property
    def web(self) -> Path:
        """The folder of the index and of descriptions of packs that are not installed."""
        return self.root / WEB

    @property
    def index_path(self) -> Path:
        """Where the index is kept."""
        return self.web / INDEX_FILE

    def folder(self, name: PackName) -> Path:
        """Where a pack is installed, or would be."""
        return self.root / name.vendor / name.name / str(name.version)

    def find(self, name: PackName) -> Installed | None:
        """The pack of exactly this version in this cache."""
        path = self.folder(name) / name.pdsc_file
        return Installed(name, path, "microgen") if path.is_file() else None

    def installed(self) -> list[Installed]:
        """Every pack of this cache and of those that are only read, by name, newest first; each version once."""
        found: dict[PackName, Installed] = {}
        for pack in self._all():
            known = found.get(pack.name)
            if known is None or (pack.has_files and not known.has_files):
                found[pack.name] = pack
        # Sorting is stable: versions first, then names.
        newest_first = sorted(found.values(), key=lambda pack: pack.name.version, reverse=True)
        return sorted(newest_first, key=lambda pack: pack.name.family.lower())

    def _all(self) -> Iterator[Installed]:
        yield from _tree(self.root, "microgen")
        if toolbox := os.environ.get(TOOLBOX_VARIABLE):
            yield from _tree(Path(toolbox).expanduser().absolute(), "CMSIS-Toolbox")
        if (folder := pack_manager_folder()) is not None:
            yield from _flat(folder)

    def known_descriptions(self) -> list[Path]:
        """Descriptions of published packs, installed or not, that ``packs update --descriptions`` left here."""
        folders = [self.web]
        if toolbox := os.environ.get(TOOLBOX_VARIABLE):
            folders.append(Path(toolbox).expanduser().absolute() / WEB)
        return [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.pdsc"))]

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder on the cache's own file system, removed at the end whatever happens."""
        parent = self.root / _STAGING
        try:
            parent.mkdir(parents=True, exist_ok=True)
            _remove_stale(parent)
            folder = Path(tempfile.mkdtemp(dir=parent))
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror})", where=str(self.root),
                             hint=f"Name another folder in {ROOT_VARIABLE}") from None  # fmt: skip
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def install(self, name: PackName, staged: Path, aside: Path) -> Installed:
        """Rename the finished folder ``staged`` into its place; what was there is first renamed to ``aside``.

        Another process may have installed the same version meanwhile: then that one stays.
        """
        target = self.folder(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.rename(aside)
            try:
                staged.rename(target)
            except OSError:
                if not (target / name.pdsc_file).is_file():
                    if aside.exists() and not target.exists():
                        aside.rename(target)
                    raise
        except FileNotFoundError:
            # The other process was between its two renamings.
            if not (target / name.pdsc_file).is_file():
                raise InputError("is being installed by another process", where=str(target), hint="Try again") from None
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror})", where=str(target)) from None
        return Installed(name, target / name.pdsc_file, "microgen")

    def keep(self, name: str, data: bytes) -> None:
        """Put a file into ``.Web``, replacing the older one at once."""
        with self.staging() as folder:
            try:
                self.web.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
                (folder / name).replace(self.web / name)
            except OSError as error:
                raise InputError(f"cannot be written ({error.strerror})", where=str(self.web / name)) from None

    def remove(self, pack: Installed) -> None:
        """Delete an installed pack of this cache."""
        with self.staging() as folder:
            try:
                pack.folder.rename(folder / "gone")
            except OSError as error:
                raise InputError(f"cannot be removed ({error.strerror})", where=str(pack.folder)) from None
        for parent in (pack.folder.parent, pack.folder.parent.parent):
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _remove_stale(folder: Path) -> None:
    """Remove what processes that were killed have left."""
    for left in folder.iterdir():
        try:
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        except FileNotFoundError:
            continue


def _tree(root: Path, owner: str) -> Iterator[Installed]:
    if not root.is_dir():
        return
    for path in sorted(root.glob("[!.]*/*/*/*.pdsc")):
        version, pack, vendor = path.parent, path.parent.parent, path.parent.parent.parent
        try:
            name = PackName(vendor.name, pack.name, Version(version.name))
        except InputError:
            continue
        if path.name == name.pdsc_file:
            yield Installed(name, path, owner)


def _flat(folder: Path) -> Iterator[Installed]:
    """Descriptions as cmsis-pack-manager keeps them: ``VENDOR.PACK.VERSION.pdsc``."""
    for path in sorted(folder.glob("*.pdsc")):
        match = _FLAT.fullmatch(path.name)
        try:
            if match is not None:
                yield Installed(PackName(match[1], match[2], Version(match[3])), path, "pyOCD")
        except InputError:
            continue


def pack_manager_folder() -> Path | None:
    """The folder of the package cmsis-pack-manager, where that is installed and has one."""
    if importlib.util.find_spec("cmsis_pack_manager") is None:
        return None
    from cmsis_pack_manager import Cache as Manager

    folder = Path(Manager(True, True).data_path)
    return folder if folder.is_dir() else None
