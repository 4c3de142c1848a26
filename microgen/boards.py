"""Boards: what a target has, read from ``boards/*.toml`` (or a user's own file) into a checked value.

A new board is one new file; ``docs/boards.md`` describes every field.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from microgen import resources
from microgen.cores import CORES, Core
from microgen.errors import InputError, UsageError

ROLES = ("code", "weights", "stack", "data", "arena")
"""What memory is for; on each board every role belongs to exactly one region."""

_RAM_ROLES = frozenset({"stack", "data", "arena"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_BOARD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_GRANULE = 32  # smallest step of a memory protection unit
_MAX_LINE = 100  # of a name that only people and other tools read
_MAX_CLOCK = 10**10


def _require(condition: bool, what: str, where: str, hint: str = "") -> None:
    if not condition:
        raise InputError(what, where=where, hint=hint)


def _is_line(text: str) -> bool:
    return len(text) <= _MAX_LINE and text.isprintable()


@dataclass(frozen=True)
class Region:
    """A range of memory: ``size`` bytes from ``origin``; ``kind`` is ``flash`` (read-only) or ``ram``.

    ``title`` says to people what it is. ``external``: it can be used only after the application has set it up, such as
    memory behind a controller that starts disabled.
    """

    name: str
    kind: str
    origin: int
    size: int
    roles: tuple[str, ...] = ()
    title: str = ""
    external: bool = False

    def __post_init__(self) -> None:
        where = f"memory region {self.name!r}"
        _require(_NAME.fullmatch(self.name) is not None, "a region's name is lower-case letters, digits, _", where)
        _require(self.kind in ("flash", "ram"), f"kind is {self.kind!r}, must be 'flash' or 'ram'", where)
        _require(self.size > 0, f"size is {self.size}, must be above 0", where)
        aligned = self.origin % _GRANULE == 0 and self.size % _GRANULE == 0
        _require(aligned, f"origin and size must be multiples of {_GRANULE} bytes", where)
        _require(self.origin >= 0 and self.end <= 1 << 32, "lies outside of the 32-bit address space", where)
        _require(_is_line(self.title), f"title must be a line of at most {_MAX_LINE} characters", where)
        for role in self.roles:
            _require(role in ROLES, f"unknown role {role!r}", where, f"Roles are {', '.join(ROLES)}")
            _require(self.kind == "ram" or role not in _RAM_ROLES, f"role {role!r} needs kind 'ram'", where)
            _require(self.kind == "flash" or role != "code", "role 'code' needs kind 'flash'", where)

    @property
    def end(self) -> int:
        """Address of the first byte behind the region."""
        return self.origin + self.size


@dataclass(frozen=True)
class Emulator:
    """How QEMU plays the board: ``-machine`` and, where the machine's own core is not meant, ``-cpu``."""

    machine: str
    cpu: str = ""

    def __post_init__(self) -> None:
        for value in (self.machine, self.cpu or "default"):
            _require(_MACHINE.fullmatch(value) is not None, f"{value!r} is no QEMU name", "emulator")


@dataclass(frozen=True)
class Board:
    """A target: its core and memory, and the emulator that plays it (``None``: it can only be built for).

    ``device`` and ``vendor`` name the chip in CMSIS packs (Dname, also with ``:`` and Pname, and Dvendor), empty where
    there are none; ``clock`` is the core's highest frequency in Hz, 0 where it is not known.
    """

    name: str
    title: str
    core: Core
    memory: tuple[Region, ...]
    emulator: Emulator | None = None
    endian: str = "little"
    notes: str = ""
    device: str = ""
    vendor: str = ""
    clock: int = 0

    def __post_init__(self) -> None:
        where = f"board {self.name!r}"
        hint = "Rename the file: its name is the board's"
        _require(_BOARD_NAME.fullmatch(self.name) is not None, "a board's name is letters, digits, . _ -", where, hint)
        _require(self.title.isprintable() and self.title != "", "title must be one line of text", where)
        _require(self.endian == "little", f"endian is {self.endian!r}, only 'little' is supported", where)
        for what, text in (("device", self.device), ("vendor", self.vendor)):
            _require(_is_line(text), f"{what} must be a line of at most {_MAX_LINE} characters", where)
        _require(0 <= self.clock <= _MAX_CLOCK, f"clock is {self.clock}, must be in Hz", where)
        names = [region.name for region in self.memory]
        _require(len(set(names)) == len(names), "two memory regions have the same name", where)
        ordered = sorted(self.memory, key=lambda region: region.origin)
        for low, high in itertools.pairwise(ordered):
            _require(low.end <= high.origin, f"memory regions {low.name} and {high.name} overlap", where)
        for role in ROLES:
            owners = [region.name for region in self.memory if role in region.roles]
            _require(
                len(owners) == 1,
                f"role {role!r} is given to {' and '.join(owners) or 'no region'}, must be exactly one",
                where,
            )
        stack = self.region_for("stack")
        below = [region.name for region in self.memory if region.end == stack.origin]
        _require(
            not below,
            f"region {stack.name} (stack) starts where region {''.join(below)} ends, so that a stack overflow "
            "would go unnoticed",
            where,
            "Give the stack to the lowest of adjoining regions",
        )

    @cached_property
    def regions(self) -> Mapping[str, Region]:
        """Memory regions by name."""
        return {region.name: region for region in self.memory}

    def region_for(self, role: str) -> Region:
        """The region that ``role`` (one of ``ROLES``) belongs to unless a user places it elsewhere."""
        return next(region for region in self.memory if role in region.roles)

    @property
    def flash_size(self) -> int:
        """Bytes in the regions that hold code and weights by default."""
        return sum(r.size for r in self.memory if r.kind == "flash" and r.roles)

    @property
    def ram_size(self) -> int:
        """Bytes in the regions that hold stack, data and arena by default."""
        return sum(r.size for r in self.memory if r.kind == "ram" and r.roles)

    @property
    def default_stack(self) -> int:
        """Bytes of stack for a program whose author does not say: networks take some hundreds, and small boards have
        none to spare.
        """
        return 4096 if self.ram_size > 1 << 14 else 1024


class _Table:
    """Reads one TOML table: every key is typed, missing and unknown keys are refused."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise InputError("must be a table", where=where)
        self.rest: dict[str, Any] = dict(value)
        self.where = where

    def take(self, key: str, kind: type, default: Any = None) -> Any:
        if key not in self.rest:
            _require(default is not None, f"field {key!r} is missing", self.where)
            return default
        value = self.rest.pop(key)
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        names = {str: "text", int: "a whole number", list: "a list", bool: "true or false"}
        _require(fits, f"field {key!r} must be {names.get(kind, kind.__name__)}", self.where)
        return value

    def done(self) -> None:
        if self.rest:
            raise InputError(f"unknown field {sorted(self.rest)[0]!r}", where=self.where)


def _region(value: object, where: str) -> Region:
    table = _Table(value, where)
    name = table.take("name", str)
    table.where = where = f"memory {name!r}"
    kind = table.take("kind", str)
    origin, size = table.take("origin", int), table.take("size", int)
    roles = table.take("roles", list, [])
    _require(all(isinstance(role, str) for role in roles), "field 'roles' must be a list of text", where)
    title, external = table.take("title", str, ""), table.take("external", bool, False)
    table.done()
    return Region(name, kind, origin, size, tuple(roles), title, external)


def _parse(path: Path) -> Board:
    where = str(path)
    try:
        # Some editors put a byte order mark before the text.
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=where) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is no TOML file ({error})", where=where) from error
    try:
        return _board(path.stem, document)
    except InputError as error:
        what = f"{error.where}: {error.what}" if error.where else error.what
        raise InputError(what, where=where, hint=error.hint) from error


def _board(name: str, document: dict[str, Any]) -> Board:
    table = _Table(document, "")
    title, core_name = table.take("title", str), table.take("core", str)
    near = difflib.get_close_matches(core_name.lower(), CORES, n=3, cutoff=0.88)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(CORES)}"
    _require(core_name in CORES, f"unknown core {core_name!r}", "", hint)
    memory = table.take("memory", list)
    regions = tuple(_region(value, f"memory {index}") for index, value in enumerate(memory))
    emulator = None
    if "emulator" in table.rest:
        play = _Table(table.rest.pop("emulator"), "emulator")
        emulator = Emulator(play.take("machine", str), play.take("cpu", str, ""))
        play.done()
    endian, notes = table.take("endian", str, "little"), table.take("notes", str, "")
    device, vendor, clock = table.take("device", str, ""), table.take("vendor", str, ""), table.take("clock", int, 0)
    table.done()
    return Board(name, title, CORES[core_name], regions, emulator, endian, notes, device, vendor, clock)


def all_boards() -> tuple[Board, ...]:
    """The boards that ship with microgen, sorted by name."""
    return tuple(_parse(path) for path in sorted(resources.boards_dir().glob("*.toml")))


def load_board(name_or_path: str | Path) -> Board:
    """The board of that name, or the one that a user's own ``.toml`` file describes.

    Raises ``UsageError`` for a name that no board has, ``InputError`` for a file with a mistake in it.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return _parse(Path(text))
    known = {path.stem: path for path in sorted(resources.boards_dir().glob("*.toml"))}
    if text in known:
        return _parse(known[text])
    near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
    raise UsageError(
        f"unknown board {text!r}",
        hint=f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(known)}",
    )
