"""A generated project on disk: written whole or not at all, read back from its manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from microgen.boardfile import project_board
from microgen.boards import Board
from microgen.errors import DoesNotFit, InputError, UsageError, VerifyError
from microgen.mindir import DType, QuantParams, TensorType

MANIFEST = "manifest.json"
BUILD_DIR = "build"


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the generated code; its dimensions are the model file's, rearranged by ``layout``."""

    name: str
    type: TensorType
    layout: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class BuiltNetwork:
    """A network of a project: its interface, its number in the project, and its part of the manifest."""

    name: str
    index: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder of ours."""

    folder: Path
    name: str
    board: Board
    networks: tuple[BuiltNetwork, ...]
    manifest: Mapping[str, Any]

    def network(self, name: str | None = None) -> BuiltNetwork:
        """The network of that name, by default the only one; UsageError without such a one."""
        known = ", ".join(network.name for network in self.networks)
        if name is None and len(self.networks) > 1:
            raise UsageError(f"the project has the networks {known}", where="--network", hint="Choose one")
        found = [network for network in self.networks if name in (None, network.name)]
        if not found:
            raise UsageError(f"the project has no network {name!r}", where="--network", hint=f"It has {known}")
        return found[0]


def write_project(files: Mapping[str, bytes], folder: Path) -> tuple[str, ...]:
    """Write ``files`` (relative path → content) as ``folder``; returns those of a project before it that are gone.

    Everything is built in a folder beside it and renamed into place. A project of ours is replaced; files in it
    that are not ours stay, except for the build folder. UsageError, with nothing changed, when the folder holds
    something else or a generated file was edited; InputError when it cannot be written.
    """
    folder = folder.absolute()
    strangers = _strangers(folder)
    before = _read_manifest(folder)["files"] if (folder / MANIFEST).is_file() else {}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    try:
        fresh = aside / "new"
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if folder.exists():
            folder.rename(aside / "old")
        try:
            fresh.rename(folder)
        except OSError:
            if (aside / "old").exists():
                (aside / "old").rename(folder)
            raise
        for stranger in strangers:
            target = folder / stranger
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                (aside / "old" / stranger).rename(target)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return tuple(sorted(name for name in before if name not in files))


def _strangers(folder: Path) -> list[PurePosixPath]:
    """Files in an existing project that are not ours; UsageError when the folder must not be touched."""
    if not folder.exists() and not folder.is_symlink():
        return []
    if not folder.is_dir():
        raise UsageError("exists and is not a folder", where=str(folder), hint="Choose another -o")
    if not any(folder.iterdir()):
        return []
    if not (folder / MANIFEST).is_file():
        raise UsageError(
            "is not a project of microgen (no manifest.json) and is left alone",
            where=str(folder),
            hint="Choose another -o or an empty folder",
        )
    ours = _read_manifest(folder).get("files")
    if not isinstance(ours, dict):
        raise UsageError(f"{MANIFEST} is not microgen's", where=str(folder), hint="Choose another -o")
    edited = [n for n, digest in ours.items() if (folder / n).is_file() and sha256(folder / n) != digest]
    if edited:
        raise UsageError(
            f"{', '.join(sorted(edited)[:3])} {'were' if len(edited) > 1 else 'was'} edited since it was generated",
            where=str(folder),
            hint="Choose another -o, or move the edited files away",
        )
    found = [PurePosixPath(p.relative_to(folder).as_posix()) for p in folder.rglob("*") if not p.is_dir()]
    return [p for p in found if str(p) not in ours and str(p) != MANIFEST and p.parts[0] != BUILD_DIR]


def check_limits(manifest: Mapping[str, Any], *, flash: int, ram: int, where: str) -> None:
    """Raise DoesNotFit when a built model takes more bytes than ``--max-flash`` or ``--max-ram`` allowed.

    Compilation checks what it knows; the size of the code is known only after the build.
    """
    options = manifest.get("options")
    limits = options if isinstance(options, dict) else {}
    for option, kind, used in (("max_flash", "flash", flash), ("max_ram", "RAM", ram)):
        limit = limits.get(option)
        if isinstance(limit, int) and used > limit:
            flag = "--" + option.replace("_", "-")
            raise DoesNotFit(f"the model takes {used:,} bytes of {kind}, {flag} allows {limit:,}", where=where)


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    hint = "Make the project with: microgen compile MODEL --board BOARD -o DIR"
    if not folder.is_dir():
        raise InputError("is not a folder", where=str(folder), hint=hint)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            "is not a project of microgen: it has no manifest.json", where=str(folder), hint=hint
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", where=str(path), hint=hint) from None
    if not isinstance(manifest, dict):
        raise InputError("is not microgen's manifest", where=str(path), hint=hint)
    return manifest


def open_project(folder: Path) -> Project:
    """The project in ``folder``; InputError when there is none."""
    manifest = _read_manifest(folder)
    if manifest.get("format") == 1:
        where, hint = str(folder / MANIFEST), "Compile the model again"
        raise InputError("was made by an older microgen", where=where, hint=hint)
    try:
        networks = tuple(_network(index, entry) for index, entry in enumerate(manifest["networks"]))
        return Project(folder, str(manifest["name"]), project_board(folder, str(manifest["board"])), networks, manifest)
    except (KeyError, TypeError, ValueError, VerifyError) as error:
        raise InputError(
            f"is damaged ({error})", where=str(folder / MANIFEST), hint="Compile the model again"
        ) from None


def _network(index: int, entry: Mapping[str, Any]) -> BuiltNetwork:
    inputs, outputs = (tuple(_port(p) for p in entry[key]) for key in ("inputs", "outputs"))
    return BuiltNetwork(str(entry["name"]), index, inputs, outputs, entry)


def _port(entry: Mapping[str, Any]) -> Port:
    quant = QuantParams.per_tensor(entry["scale"], entry["zero_point"]) if entry.get("scale") is not None else None
    layout = tuple(int(axis) for axis in entry["layout"]) if entry.get("layout") is not None else None
    return Port(str(entry["name"]), TensorType(DType(entry["dtype"]), tuple(entry["shape"]), quant), layout)
